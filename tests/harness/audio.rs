//! Audio for tests, and what the `tone` engine must say of it.

use auricle_engine_tone::Checksum;
use std::{fs, path::Path};

/// Deterministic noise.
pub fn noise(seed: u32, samples: usize) -> Vec<i16> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
    (0..samples)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 17) as i16 - 16_384
        })
        .collect()
}

/// As `s16le`.
pub fn bytes(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

/// The texts of the segments that `tone` makes of this audio, `samples` to a segment.
pub fn tone_segments(audio: &[i16], samples: usize) -> Vec<String> {
    let text = |piece: &[i16]| {
        let floats: Vec<f32> = piece.iter().map(|sample| f32::from(*sample) / 32_768.0).collect();
        let mut checksum = Checksum::default();
        checksum.update(&floats);
        checksum.text(piece.len() as u64)
    };
    audio.chunks(samples).map(text).collect()
}

/// The sample rate and the samples of a mono 16-bit WAV file.
pub fn wav(path: &Path) -> (u32, Vec<i16>) {
    let file = fs::read(path).unwrap_or_else(|problem| panic!("{}: {problem}", path.display()));
    let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
    let (mut rate, mut chunks) = (0, &file[12..]);
    loop {
        let (name, length, body) = (&chunks[..4], number(&chunks[4..8]) as usize, &chunks[8..]);
        match name {
            b"fmt " => {
                assert_eq!((body[0], body[2], body[14]), (1, 1, 16), "{}: not mono 16-bit PCM", path.display());
                rate = number(&body[4..8]);
            }
            b"data" => {
                let (samples, _) = body[..length.min(body.len())].as_chunks();
                return (rate, samples.iter().map(|bytes| i16::from_le_bytes(*bytes)).collect());
            }
            _ => {}
        }
        chunks = &body[length.next_multiple_of(2)..];
    }
}
