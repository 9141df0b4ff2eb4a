//! A detector without a model: audio that is louder than the noise counts as speech.
//!
//! The level of a window is its mean square in dB, smoothed over about three windows. The noise floor falls to a lower
//! level within a few windows and rises to a higher one by 3 dB per second, so that it follows pauses and not speech. A
//! level 9 dB above the floor has probability 0.5, and each 2 dB more or less multiply or divide the odds by e. Below
//! -55 dB (full scale: 0) nothing counts as speech. It cannot distinguish speech from music, typing or a door: for
//! quiet rooms and tests. Threads: one at a time.

use super::{Vad, WINDOW};
use auricle_plugin_api::Error;

/// The initial floor, in dB.
const FIRST_FLOOR: f32 = -50.0;
/// Lower levels are not speech, in dB.
const SILENCE: f32 = -55.0;
/// Distance above the floor with even odds, in dB.
const EVEN: f32 = 9.0;
/// Increase of the level that multiplies the odds by e, in dB.
const SLOPE: f32 = 2.0;
/// Rise of the floor per window, in dB.
const RISE: f32 = 3.0 * WINDOW as f32 / 16_000.0;
/// Share of the distance to a lower level by which the floor falls per window.
const FALL: f32 = 0.3;
/// Weight of a new window's level in the smoothed level.
const SMOOTHING: f32 = 0.5;

/// Detects speech by its loudness.
#[derive(Debug, Clone)]
pub struct Energy {
    level: f32,
    floor: f32,
}

impl Default for Energy {
    fn default() -> Self {
        Self { level: FIRST_FLOOR, floor: FIRST_FLOOR }
    }
}

impl Vad for Energy {
    fn probability(&mut self, window: &[f32; WINDOW]) -> Result<f32, Error> {
        let power = window.iter().map(|x| x * x).sum::<f32>() / WINDOW as f32;
        let level = 10.0 * power.clamp(1e-10, 1.0).log10();
        self.level += SMOOTHING * (level - self.level);
        self.floor = if self.level < self.floor {
            self.floor + FALL * (self.level - self.floor)
        } else {
            self.level.min(self.floor + RISE)
        };
        if self.level < SILENCE {
            return Ok(0.0);
        }
        let above = self.level - self.floor;
        Ok(1.0 / (1.0 + ((EVEN - above) / SLOPE).exp()))
    }

    fn reset(&mut self) {
        *self = Self::default();
    }

    fn state(&self) -> Vec<f32> {
        vec![self.level, self.floor]
    }

    fn restore(&mut self, state: &[f32]) -> bool {
        let &[level, floor] = state else { return false };
        *self = Self { level, floor };
        true
    }
}
