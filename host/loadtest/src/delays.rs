//! Percentiles of delays.

use serde::Serialize;

/// Percentiles of delays, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Delays {
    /// Number of delays.
    pub count: usize,
    /// Median.
    pub p50_ms: f64,
    /// 95th percentile.
    pub p95_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
    /// Maximum.
    pub max_ms: f64,
}

impl Delays {
    pub(super) fn of(mut milliseconds: Vec<f64>) -> Self {
        milliseconds.sort_by(f64::total_cmp);
        let last = milliseconds.len().saturating_sub(1);
        let share = |share: f64| {
            let value = milliseconds.get((last as f64 * share).round() as usize).copied().unwrap_or_default();
            // Rounded to a microsecond; more digits are noise.
            (value * 1000.0).round() / 1000.0
        };
        let [p50_ms, p95_ms, p99_ms, max_ms] = [0.5, 0.95, 0.99, 1.0].map(share);
        Self { count: milliseconds.len(), p50_ms, p95_ms, p99_ms, max_ms }
    }
}
