//! What a second of audio costs a model: how long its calls take for it, of late.
//!
//! Older calls count for less: half as much after [`HALF_LIFE`]. Threads: the model's note, anybody asks.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

const HALF_LIFE: Duration = Duration::from_secs(10);
/// With less audio than this, in seconds, nothing is known yet: the first calls are slow.
const KNOWN_AFTER: f64 = 3.0;

/// Of one model.
#[derive(Debug, Default)]
pub(super) struct Cost(Mutex<Option<Sums>>);

#[derive(Debug, Clone, Copy)]
struct Sums {
    busy: f64,
    audio: f64,
    /// Of the last call: up to there the sums have faded.
    at: Instant,
}

impl Cost {
    /// A call for so much audio, in seconds, took so long.
    pub(super) fn note(&self, busy: Duration, audio: f64, now: Instant) {
        let mut sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = sums.unwrap_or(Sums { busy: 0.0, audio: 0.0, at: now });
        let faded = 0.5f64.powf((now - before.at).as_secs_f64() / HALF_LIFE.as_secs_f64());
        let (busy, audio) = (before.busy * faded + busy.as_secs_f64(), before.audio * faded + audio);
        *sums = Some(Sums { busy, audio, at: now });
    }

    /// Seconds for a second of audio, once enough has been heard.
    pub(super) fn per_second(&self) -> Option<f64> {
        let sums = (*self.0.lock().unwrap_or_else(PoisonError::into_inner))?;
        (sums.audio >= KNOWN_AFTER).then(|| sums.busy / sums.audio)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newer_counts_for_more() {
        let (cost, start) = (Cost::default(), Instant::now());
        cost.note(Duration::from_secs(1), 2.0, start);
        assert_eq!(cost.per_second(), None);
        cost.note(Duration::from_secs(1), 2.0, start);
        assert_eq!(cost.per_second(), Some(0.5));
        cost.note(Duration::from_secs(4), 4.0, start + HALF_LIFE);
        // Half of 2 in 4, and 4 in 4.
        assert_eq!(cost.per_second(), Some(5.0 / 6.0));
    }
}
