//! A detector without a model: speech is what is louder than the noise.
//!
//! The level of a window is its mean square in dB, smoothed over about three windows. The noise floor falls to a lower level
//! within a few windows and rises by 3 dB a second to a higher one, so that pauses set it and speech does not. What is 9 dB
//! above the floor has probability 0.5, and each 2 dB more or less multiply the odds by e; below -55 dB (full scale: 0) nothing
//! is speech. It cannot tell speech from music, typing or a door: for quiet rooms and for tests. Threads: one at a time.

use super::{Vad, WINDOW};
use auricle_plugin_api::Error;

/// Where the floor is before anything was heard, in dB.
const FIRST_FLOOR: f32 = -50.0;
/// Levels below are not speech, in dB.
const SILENCE: f32 = -55.0;
/// How far above the floor the odds are even, in dB.
const EVEN: f32 = 9.0;
/// By how many dB the odds grow by e.
const SLOPE: f32 = 2.0;
/// By how much the floor rises in a window, in dB.
const RISE: f32 = 3.0 * WINDOW as f32 / 16_000.0;
/// How much of the way to a lower level the floor falls in a window.
const FALL: f32 = 0.3;
/// How much of a window's level counts at once.
const SMOOTHING: f32 = 0.5;

/// Tells speech by its loudness.
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
}
