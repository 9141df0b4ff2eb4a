//! Audio in which nobody speaks, and quiet starts.

use super::{
    RATE,
    recordings::{Onsets, Recording},
};
use crate::Done;
use auricle_plugin_test::audio;
use std::f64::consts::TAU;

/// The level of speech in quiet starts, and that of the room, in dB below full scale.
const SPEECH_DB: f64 = -30.0;
const ROOM_DB: f64 = -65.0;
/// The level of noise.
const NOISE_DB: f64 = -35.0;
/// The length of the room before a quiet start, in seconds.
const ROOM_SECONDS: (f64, f64) = (0.3, 3.0);

/// Nothing.
pub(super) fn silence(seconds: usize) -> Vec<i16> {
    vec![0; seconds * RATE]
}

/// White noise.
pub(super) fn noise(seconds: usize) -> Vec<i16> {
    at_level(audio::noise(5, seconds * RATE).into_iter().map(f64::from).collect(), NOISE_DB)
}

/// Chords with a melody above them, notes that fade, and a beat.
pub(super) fn music(seconds: usize) -> Vec<i16> {
    const CHORDS: [[f64; 3]; 4] =
        [[262.0, 330.0, 392.0], [220.0, 262.0, 330.0], [175.0, 220.0, 262.0], [196.0, 247.0, 294.0]];
    const MELODY: [f64; 8] = [523.0, 587.0, 659.0, 784.0, 659.0, 587.0, 494.0, 523.0];
    let hiss = audio::noise(9, RATE);
    let sample = |n: usize| {
        let time = n as f64 / RATE as f64;
        // A note is 0.4 s, a chord four of them.
        let (note, within) = ((time / 0.4) as usize, time % 0.4);
        let tone = |hertz: f64| (time * hertz * TAU).sin() + 0.4 * (2.0 * time * hertz * TAU).sin();
        let chord: f64 = CHORDS[note / 4 % CHORDS.len()].iter().map(|hertz| tone(*hertz)).sum();
        let melody = tone(MELODY[note * 5 % MELODY.len()]) * (-4.0 * within).exp();
        let beat = f64::from(hiss[n % hiss.len()]) / 16_384.0 * (-30.0 * within).exp();
        0.4 * chord + 1.5 * melody + beat
    };
    at_level((0..seconds * RATE).map(sample).collect(), -20.0)
}

/// So many recordings, cut at their first word, at a low level, behind the noise of a room.
pub(super) fn quiet_starts(recordings: &[Recording], count: usize, onsets: &Onsets) -> Done<Vec<Recording>> {
    let mut starts = Vec::with_capacity(count);
    for number in 0..count {
        let recording = &recordings[number % recordings.len()];
        let onset = onsets.of(recording)?;
        let share = number as f64 / count.max(2).saturating_sub(1) as f64;
        let room = ((ROOM_SECONDS.0 + share * (ROOM_SECONDS.1 - ROOM_SECONDS.0)) * RATE as f64) as usize;
        let speech = at_level(recording.samples[onset..].iter().map(|sample| f64::from(*sample)).collect(), SPEECH_DB);
        let length = room + speech.len() + 2 * RATE;
        let mut samples = at_level(rumble(number as u32, length), ROOM_DB);
        for (sample, spoken) in samples[room..].iter_mut().zip(speech) {
            *sample = sample.saturating_add(spoken);
        }
        starts.push(Recording { samples, words: recording.words.clone() });
    }
    Ok(starts)
}

/// Noise with less of the high frequencies, as in rooms.
fn rumble(seed: u32, samples: usize) -> Vec<f64> {
    let mut last = 0.0;
    let low = |sample: i16| {
        last = 0.95 * last + f64::from(sample);
        last
    };
    audio::noise(seed, samples).into_iter().map(low).collect()
}

/// The samples with this mean square, in dB below full scale.
fn at_level(samples: Vec<f64>, level: f64) -> Vec<i16> {
    let power = samples.iter().map(|sample| sample * sample).sum::<f64>() / samples.len().max(1) as f64;
    let factor = 32_768.0 * 10f64.powf(level / 20.0) / power.sqrt().max(1e-9);
    samples.into_iter().map(|sample| (sample * factor).round() as i16).collect()
}
