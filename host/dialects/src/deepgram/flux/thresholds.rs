//! When turns end, as clients set it. No I/O.

use super::messages::Thresholds;
use crate::query::{invalid, millis};
use auricle_core::Failure;
use std::{ops::RangeInclusive, time::Duration};

/// The values that `eot_timeout_ms` may have, in ms.
const SILENCES: RangeInclusive<u32> = 500..=10_000;
/// Its default, as in Deepgram.
const SILENCE: u32 = 5_000;
/// The values that a threshold may have.
const SHARES: RangeInclusive<f64> = 0.05..=0.99;

impl Thresholds {
    /// What is set in `other`, and for the rest what is set here.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        Self {
            eager_eot_threshold: other.eager_eot_threshold.or(self.eager_eot_threshold),
            eot_threshold: other.eot_threshold.or(self.eot_threshold),
            eot_timeout_ms: other.eot_timeout_ms.or(self.eot_timeout_ms),
        }
    }

    /// The silence after which a turn ends.
    pub fn silence(&self) -> Duration {
        millis(self.eot_timeout_ms.unwrap_or(SILENCE))
    }

    /// Checks the values.
    ///
    /// # Errors
    /// One is out of range, or an early end would need more than an end.
    pub fn check(&self) -> Result<(), Failure> {
        for (name, value) in [("eager_eot_threshold", self.eager_eot_threshold), ("eot_threshold", self.eot_threshold)]
        {
            let Some(value) = value.filter(|value| !SHARES.contains(value)) else { continue };
            let (least, most) = (SHARES.start(), SHARES.end());
            return Err(invalid(&format!("`{name}` is {value}: it must be from {least} to {most}")));
        }
        if let (Some(eager), Some(end)) = (self.eager_eot_threshold, self.eot_threshold)
            && eager > end
        {
            let problem = format!("`eager_eot_threshold` is {eager}: it must be at most `eot_threshold`, {end}");
            return Err(invalid(&problem));
        }
        if let Some(silence) = self.eot_timeout_ms.filter(|silence| !SILENCES.contains(silence)) {
            let (least, most) = (SILENCES.start(), SILENCES.end());
            return Err(invalid(&format!("`eot_timeout_ms` is {silence}: it must be from {least} to {most}")));
        }
        Ok(())
    }
}
