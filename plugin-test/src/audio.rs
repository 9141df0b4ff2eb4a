//! Audio for tests: WAV files, noise, and conversions.

use std::path::Path;

/// Reads the sample rate and the samples of a mono 16-bit WAV file.
///
/// # Panics
/// The file has another format, or cannot be read.
pub fn wav(path: &Path) -> (u32, Vec<i16>) {
    let mut reader = hound::WavReader::open(path).unwrap_or_else(|problem| panic!("{}: {problem}", path.display()));
    let spec = reader.spec();
    assert_eq!((spec.channels, spec.bits_per_sample), (1, 16), "{}: must be mono with 16 bits", path.display());
    let samples: Result<_, _> = reader.samples().collect();
    (spec.sample_rate, samples.unwrap_or_else(|problem| panic!("{}: {problem}", path.display())))
}

/// Reads the samples of a mono 16-bit WAV file as an engine receives them, in [-1, 1).
///
/// # Panics
/// Like [`wav`].
pub fn wav_floats(path: &Path) -> Vec<f32> {
    floats(&wav(path).1)
}

/// Converts 16-bit samples to those that an engine receives, in [-1, 1).
pub fn floats(samples: &[i16]) -> Vec<f32> {
    samples.iter().map(|sample| f32::from(*sample) / 32_768.0).collect()
}

/// Converts 16-bit samples to `s16le`, as clients send them.
pub fn bytes(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

/// Noise, the same for the same seed.
pub fn noise(seed: u32, samples: usize) -> Vec<i16> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 17) as i16 - 16_384
    };
    std::iter::repeat_with(next).take(samples).collect()
}
