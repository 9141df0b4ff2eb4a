//! What a stream has used and why it failed, for the log. Threads: any.

use auricle_core::Failure;
use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// The engine's time of one stream, and the stream's failure.
#[derive(Debug, Default)]
pub struct StreamUsage {
    engine_nanos: AtomicU64,
    failure: OnceLock<Failure>,
}

impl StreamUsage {
    /// The time of the stream's calls into the engine. In a batch each stream has an equal share.
    pub fn engine_time(&self) -> Duration {
        Duration::from_nanos(self.engine_nanos.load(Ordering::Relaxed))
    }

    /// Why the stream failed, if it did.
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.get()
    }

    pub(super) fn add_engine_time(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.engine_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    pub(super) fn fail(&self, failure: &Failure) {
        // A stream fails once.
        let _ = self.failure.set(failure.clone());
    }
}
