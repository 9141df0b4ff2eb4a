//! The cost of a model: how long its recent calls took per second of audio.
//!
//! The weight of a call halves every [`HALF_LIFE`]. Threads: the model's threads write, any thread reads.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

const HALF_LIFE: Duration = Duration::from_secs(10);
/// Below this much audio, in seconds, the cost is unknown, because the first calls are slow.
const KNOWN_AFTER: f64 = 3.0;

/// The cost of one model.
#[derive(Debug, Default)]
pub(super) struct Cost(Mutex<Option<Sums>>);

#[derive(Debug, Clone, Copy)]
struct Sums {
    busy: f64,
    audio: f64,
    /// The time of the last call. The sums are decayed up to this time.
    at: Instant,
}

impl Cost {
    /// Records a call that took `busy` for `audio` seconds of audio.
    pub(super) fn note(&self, busy: Duration, audio: f64, now: Instant) {
        let mut sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = sums.unwrap_or(Sums { busy: 0.0, audio: 0.0, at: now });
        let decay = 0.5f64.powf((now - before.at).as_secs_f64() / HALF_LIFE.as_secs_f64());
        let (busy, audio) = (before.busy * decay + busy.as_secs_f64(), before.audio * decay + audio);
        *sums = Some(Sums { busy, audio, at: now });
    }

    /// Seconds of processing per second of audio, once enough audio has been processed.
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
        // Half of 2 s for 4 s of audio, and 4 s for 4 s.
        assert_eq!(cost.per_second(), Some(5.0 / 6.0));
    }
}
