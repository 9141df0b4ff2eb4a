//! The recording that comes with a project: telephone keys, as they sound.

use std::{f32::consts::TAU, io::Cursor};

/// What a recogniser should write.
pub(super) const TEXT: &str = "1 2 3 4 5 6\n7 8 9 0 * #\n";

const RATE: u32 = 16_000;
const LOW: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
const HIGH: [f32; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
const KEYS: [&str; 4] = ["123A", "456B", "789C", "*0#D"];

/// Seconds of silence before and after the numbers, of a key, and between two keys.
const AROUND: f32 = 0.3;
const KEY: f32 = 0.12;
const BETWEEN: f32 = 0.08;
/// Seconds of silence between two numbers: it ends a segment.
const PAUSE: f32 = 1.2;

/// A WAV file of 16 kHz and 16 bits.
pub(super) fn wav() -> Vec<u8> {
    let spec =
        hound::WavSpec { channels: 1, sample_rate: RATE, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut file = Cursor::new(Vec::new());
    let write = |file: &mut Cursor<Vec<u8>>| {
        let mut writer = hound::WavWriter::new(file, spec)?;
        samples().into_iter().try_for_each(|sample| writer.write_sample((sample * 32_767.0) as i16))?;
        writer.finalize()
    };
    match write(&mut file) {
        Ok(()) => file.into_inner(),
        Err(error) => unreachable!("a file in memory can be written: {error}"),
    }
}

fn samples() -> Vec<f32> {
    let mut samples = silence(AROUND);
    for number in TEXT.lines() {
        for key in number.split(' ') {
            samples.extend(sound(key));
            samples.extend(silence(BETWEEN));
        }
        samples.extend(silence(PAUSE - BETWEEN));
    }
    samples.truncate(samples.len() - silence(PAUSE - AROUND).len());
    samples
}

fn silence(seconds: f32) -> Vec<f32> {
    vec![0.0; (seconds * RATE as f32).round() as usize]
}

/// The two tones of a key.
fn sound(key: &str) -> Vec<f32> {
    let place = KEYS.iter().enumerate().find_map(|(row, keys)| Some((row, keys.find(key)?)));
    let (row, column) = place.unwrap_or_default();
    let wave = |tone: f32, sample: usize| 0.25 * (TAU * tone * sample as f32 / RATE as f32).sin();
    (0..silence(KEY).len()).map(|sample| wave(LOW[row], sample) + wave(HIGH[column], sample)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recording_has_its_length_and_is_not_clipped() {
        let wav = hound::WavReader::new(Cursor::new(wav())).unwrap();
        let samples: Vec<i16> = wav.into_samples().map(Result::unwrap).collect();
        // Twelve keys with the gaps between them, and the pauses.
        let seconds = AROUND + 12.0 * KEY + 10.0 * BETWEEN + PAUSE + AROUND;
        assert!((samples.len() as f32 / RATE as f32 - seconds).abs() < 0.01, "{}", samples.len());
        let loudest = samples.iter().map(|sample| sample.unsigned_abs()).max();
        assert!(loudest > Some(8_000) && loudest < Some(20_000), "{loudest:?}");
    }
}
