//! The audio that waits in a stream, and the bound on what waits in all streams together.
//!
//! Each stream may queue its allowance. What it queues beyond that counts against [`SharedBacklog`]. So many clients that
//! send much at once cannot exhaust the memory, and a client that stays within its allowance never fails because of
//! others. Invariant: the shared count is the sum of what the streams hold; dropping a [`Backlog`] returns its part.
//! Threads: any; a `Backlog` is under its stream's lock.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

const MICROS: f64 = 1e6;

/// The audio that all streams of a server may queue beyond their allowances. Clones share the count.
#[derive(Debug, Clone)]
pub struct SharedBacklog {
    /// In microseconds of audio, as `held`.
    limit: u64,
    held: Arc<AtomicU64>,
}

impl SharedBacklog {
    /// A limit in seconds of audio.
    pub fn new(seconds: f64) -> Self {
        Self { limit: (seconds * MICROS) as u64, held: Arc::default() }
    }
}

/// The audio that waits in one stream.
#[derive(Debug)]
pub(super) struct Backlog {
    samples: usize,
    rate: u32,
    /// Microseconds of audio that do not count against `shared`.
    allowance: u64,
    /// Microseconds of audio that count against `shared`.
    held: u64,
    shared: SharedBacklog,
}

impl Backlog {
    /// Nothing waits yet. `rate` is that of the samples, `allowance` in seconds of audio.
    pub(super) fn new(rate: u32, allowance: f64, shared: SharedBacklog) -> Self {
        Self { samples: 0, rate, allowance: (allowance * MICROS) as u64, held: 0, shared }
    }

    /// The duration of so many samples.
    pub(super) fn duration(&self, samples: usize) -> Duration {
        Duration::from_micros(samples as u64 * 1_000_000 / u64::from(self.rate))
    }

    /// The number of samples that wait.
    pub(super) fn samples(&self) -> usize {
        self.samples
    }

    /// Changes the number of samples that wait.
    pub(super) fn set(&mut self, samples: usize) {
        self.samples = samples;
        let held = (self.duration(samples).as_micros() as u64).saturating_sub(self.allowance);
        if held > self.held {
            self.shared.held.fetch_add(held - self.held, Ordering::Relaxed);
        } else if held < self.held {
            self.shared.held.fetch_sub(self.held - held, Ordering::Relaxed);
        }
        self.held = held;
    }

    /// From now on all audio counts against the shared bound.
    pub(super) fn end_allowance(&mut self) {
        self.allowance = 0;
        self.set(self.samples);
    }

    /// Whether this stream holds a part of the shared bound, which is exceeded.
    pub(super) fn is_over(&self) -> bool {
        self.held > 0 && self.shared.held.load(Ordering::Relaxed) > self.shared.limit
    }
}

impl Drop for Backlog {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_exceeds_the_allowances_is_shared() {
        let shared = SharedBacklog::new(10.0);
        let [mut a, mut b, mut c] = [1_000, 1_000, 2_000].map(|rate| Backlog::new(rate, 5.0, shared.clone()));
        a.set(11_000);
        // At its rate 9 s, of which 4 s are shared.
        c.set(18_000);
        assert!(!a.is_over() && !c.is_over());
        c.set(18_002);
        assert!(a.is_over() && c.is_over());
        // Within its allowance, so it does not matter to it.
        b.set(5_000);
        assert!(!b.is_over());
        b.end_allowance();
        assert!(b.is_over());
        drop(b);
        a.set(0);
        assert!(!c.is_over());
        drop(c);
        assert_eq!(shared.held.load(Ordering::Relaxed), 0);
    }
}
