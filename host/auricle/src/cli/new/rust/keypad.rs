//! Recognises telephone keys. Each sounds as two tones at once, one of four low ones and one of four high ones (DTMF).
//!
//! Replace this file by your recogniser.

use std::f64::consts::TAU;

/// Samples per second.
pub const RATE: u32 = 16_000;
/// Samples in a block: 20 ms.
pub const BLOCK: usize = 320;

const LOW: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
const HIGH: [f64; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
const KEYS: [[&str; 4]; 4] = [
    ["1", "2", "3", "A"],
    ["4", "5", "6", "B"],
    ["7", "8", "9", "C"],
    ["*", "0", "#", "D"],
];

// ANCHOR: key
/// The key that sounds in a block, if its loudness is above `threshold`, as a part of full scale.
pub fn key(block: &[f32], threshold: f32) -> Option<&'static str> {
    let energy: f64 = block.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    let loudness = (energy / block.len() as f64).sqrt();
    // Less than 10 ms has no clear pitch.
    if block.len() < BLOCK / 2 || loudness <= f64::from(threshold) {
        return None;
    }
    let loudest = |tones: [f64; 4]| {
        let share = |tone| 2.0 * power(block, tone) / (block.len() as f64 * energy);
        let shares = tones.into_iter().map(share).enumerate();
        shares.max_by(|(_, one), (_, other)| one.total_cmp(other))
    };
    let ((row, low), (column, high)) = (loudest(LOW)?, loudest(HIGH)?);
    // Nearly all of the sound is the two tones, and neither is alone.
    (low + high > 0.7 && low > 0.15 && high > 0.15).then(|| KEYS[row][column])
}
// ANCHOR_END: key

/// The power of a tone in a block (Goertzel's algorithm).
fn power(block: &[f32], tone: f64) -> f64 {
    let turn = 2.0 * (TAU * tone / f64::from(RATE)).cos();
    let (last, before) = block.iter().fold((0.0, 0.0), |(last, before), sample| {
        (f64::from(*sample) + turn * last - before, last)
    });
    last * last + before * before - turn * last * before
}
