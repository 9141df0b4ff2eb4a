//! What a number of streams gave.

use crate::Done;
use auricle_loadtest::Level;
use std::fmt;

/// What is asked of a server.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bound {
    /// For the 95th percentile of the time from a word's end until it is final.
    pub(super) seconds: f64,
    /// Share of the words that may be wrong.
    pub(super) errors: f64,
}

/// What a number of streams gave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Measured {
    pub(super) streams: usize,
    /// Time from a word's end until it is final, in seconds.
    pub(super) p50: f64,
    pub(super) p95: f64,
    /// Share of the words that are wrong.
    pub(super) errors: f64,
    /// Words missing at the ends of the streams.
    lost: usize,
    /// Streams that were refused, or failed while audio was sent.
    broken: usize,
    cores: f64,
    mib: f64,
}

impl Measured {
    pub(super) fn of(level: &Level) -> Done<Self> {
        let spoken = level.spoken.as_ref().ok_or("the words of the streams are not known")?;
        let (cores, mib) = level.server.map_or((0.0, 0.0), |server| (server.cores, server.memory_mib));
        Ok(Self {
            streams: level.streams,
            p50: spoken.last_change.p50_ms / 1000.0,
            p95: spoken.last_change.p95_ms / 1000.0,
            errors: spoken.error_rate(),
            lost: spoken.lost_at_end,
            broken: level.refused.values().sum(),
            cores,
            mib,
        })
    }

    /// Whether all streams ran, and at least half of the words were recognised: else the delays say nothing.
    pub(super) fn is_complete(&self) -> bool {
        self.broken == 0 && self.errors < 0.5
    }

    pub(super) fn is_within(&self, bound: Bound) -> bool {
        self.is_complete() && self.p95 <= bound.seconds && self.errors <= bound.errors
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p95 within {:.2} s, at most {:.1} % wrong", self.seconds, self.errors * 100.0)
    }
}

/// The header of the table of [`Measured`].
pub(super) fn head() -> String {
    format!(
        "{:>9}{:>8}{:>8}{:>9}{:>7}{:>8}{:>8}{:>8}",
        "streams", "p50 s", "p95 s", "% wrong", "lost", "broken", "cores", "MiB"
    )
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { streams, p50, p95, errors, lost, broken, cores, mib } = self;
        let errors = errors * 100.0;
        write!(f, "{streams:>9}{p50:>8.2}{p95:>8.2}{errors:>9.1}{lost:>7}{broken:>8}{cores:>8.2}{mib:>8.0}")
    }
}
