//! Audio for engines: signals that are the same on every machine.

use crate::audio::{floats, noise};
use std::f32::consts::TAU;

/// A signal with the rhythm of speech: syllables of a tone with harmonics, of different pitch, and pauses.
pub(super) fn talk(rate: u32, seconds: f32) -> Vec<f32> {
    let rate = rate as f32;
    let sample = |n: usize| {
        let time = n as f32 / rate;
        let syllable = time % 0.25;
        // Two thirds of each second are speech.
        if time % 1.0 > 0.7 || syllable > 0.18 {
            return 0.0;
        }
        let pitch = 140.0 + 20.0 * (time * 4.0).floor() % 120.0;
        let tone: f32 = (1..6).map(|n| (TAU * pitch * n as f32 * time).sin() / n as f32).sum();
        0.25 * tone * (syllable / 0.18 * TAU / 2.0).sin()
    };
    (0..(rate * seconds) as usize).map(sample).collect()
}

/// Noise of half of full scale.
pub(super) fn hiss(rate: u32, seconds: f32) -> Vec<f32> {
    floats(&noise(7, (rate as f32 * seconds) as usize))
}

/// A square wave of full scale, as a microphone with too much gain records.
pub(super) fn clipped(rate: u32, seconds: f32) -> Vec<f32> {
    let period = (rate / 200).max(2) as usize;
    (0..(rate as f32 * seconds) as usize).map(|n| if n % period < period / 2 { 1.0 } else { -1.0 }).collect()
}

/// The same value throughout.
pub(super) fn constant(value: f32, rate: u32, seconds: f32) -> Vec<f32> {
    vec![value; (rate as f32 * seconds) as usize]
}
