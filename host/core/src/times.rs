//! Conversion of times. The program counts samples; clients and settings use seconds.

use std::time::Duration;

/// The shortest wait that a setting may have, in seconds. Timers divide it, and must not get 0.
pub const SHORTEST: f64 = 0.001;
/// The longest wait that a setting may have, in seconds: about 30 years.
pub const LONGEST: f64 = 1e9;

/// Converts samples to seconds, rounded to milliseconds.
pub fn seconds(samples: u64, rate: u32) -> f64 {
    let milliseconds = (samples as f64 * 1000.0 / f64::from(rate)).round();
    milliseconds / 1000.0
}

/// A duration in seconds, rounded to milliseconds.
pub fn rounded(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}

/// Whether a setting may have this wait, in seconds.
pub fn is_wait(seconds: f64) -> bool {
    (SHORTEST..=LONGEST).contains(&seconds)
}

/// Converts a wait in seconds, which was checked with [`is_wait`] when the settings were read.
pub fn wait(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}
