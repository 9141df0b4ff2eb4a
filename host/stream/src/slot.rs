//! The running call of each model thread, for streams of type `S`: the watchdog reads it, and the metrics are measured
//! here.
//!
//! Invariant: an abandoned thread stays abandoned, and learns it when its call ends. Threads: the slot's own thread,
//! and the watchdog.

use super::cost::Cost;
use auricle_core::metrics::ModelMeter;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// The running call of one model thread. Measures how long calls take.
pub(super) struct Slot<S> {
    state: Mutex<SlotState<S>>,
    meter: ModelMeter,
    cost: Arc<Cost>,
}

struct SlotState<S> {
    call: Option<Call<S>>,
    abandoned: bool,
}

/// A running call.
pub(super) struct Call<S> {
    pub(super) streams: Vec<Arc<S>>,
    pub(super) what: &'static str,
    /// Seconds of audio in the call, for all its streams together.
    audio: f64,
    since: Instant,
}

/// What follows from the end of a call.
pub(super) struct Ended {
    /// How long the call took, divided by the number of its streams.
    pub(super) share: Duration,
    /// Whether the thread may continue: not if it was abandoned.
    pub(super) may_continue: bool,
}

impl<S> Call<S> {
    /// How long the call has taken, divided by the number of its streams.
    pub(super) fn share(&self) -> Duration {
        self.share_of(self.since.elapsed())
    }

    fn share_of(&self, busy: Duration) -> Duration {
        busy / u32::try_from(self.streams.len()).unwrap_or(u32::MAX).max(1)
    }
}

impl<S> Slot<S> {
    pub(super) fn new(meter: ModelMeter, cost: Arc<Cost>) -> Self {
        let state = SlotState { call: None, abandoned: false };
        Self { state: Mutex::new(state), meter, cost }
    }

    /// Records that a call for these streams begins, with `audio` seconds of audio.
    pub(super) fn begin(&self, streams: Vec<Arc<S>>, what: &'static str, audio: f64) {
        self.lock().call = Some(Call { streams, what, audio, since: Instant::now() });
    }

    /// Records that the call has ended.
    pub(super) fn end(&self) -> Ended {
        let mut state = self.lock();
        let mut share = Duration::ZERO;
        if let Some(call) = state.call.take() {
            let now = Instant::now();
            let busy = now - call.since;
            share = call.share_of(busy);
            self.meter.called(call.what, busy);
            if call.audio > 0.0 {
                self.cost.note(busy, call.audio, now);
            }
        }
        Ended { share, may_continue: !state.abandoned }
    }

    /// Abandons the thread if its call takes longer than `limit`; returns that call.
    pub(super) fn abandon_late(&self, limit: Duration) -> Option<Call<S>> {
        let mut state = self.lock();
        let Call { streams, what, audio, since } = state.call.as_ref().filter(|call| call.since.elapsed() > limit)?;
        let call = Call { streams: streams.clone(), what, audio: *audio, since: *since };
        state.abandoned = true;
        Some(call)
    }

    fn lock(&self) -> MutexGuard<'_, SlotState<S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
