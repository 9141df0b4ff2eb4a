//! Times: samples inside, seconds outside.

/// Samples as seconds, rounded to milliseconds.
pub fn seconds(samples: u64, rate: u32) -> f64 {
    let milliseconds = (samples as f64 * 1000.0 / f64::from(rate)).round();
    milliseconds / 1000.0
}
