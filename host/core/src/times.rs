//! Times: samples inside, seconds outside.

use std::time::Duration;

/// The shortest wait that a setting may have, in seconds: timers want more than nothing, also of a part of it.
pub const SHORTEST: f64 = 0.001;
/// The longest, in seconds: some 30 years.
pub const LONGEST: f64 = 1e9;

/// Samples as seconds, rounded to milliseconds.
pub fn seconds(samples: u64, rate: u32) -> f64 {
    let milliseconds = (samples as f64 * 1000.0 / f64::from(rate)).round();
    milliseconds / 1000.0
}

/// Whether a number of seconds is one that a setting may have.
pub fn is_wait(seconds: f64) -> bool {
    (SHORTEST..=LONGEST).contains(&seconds)
}

/// A wait whose setting was checked when it was read.
pub fn wait(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}
