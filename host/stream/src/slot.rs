//! What each thread of a model is doing: the calls into the engine for streams `S`, as the watchdog sees them and as they are
//! measured.
//!
//! Invariant: a thread that was written off stays so, and is told at the end of its call. Threads: the slot's own, and the
//! watchdog.

use super::cost::Cost;
use auricle_core::metrics::ModelMeter;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// What a worker is doing, as the watchdog sees it; how long that takes is measured here.
pub(super) struct Slot<S> {
    state: Mutex<SlotState<S>>,
    meter: ModelMeter,
    cost: Arc<Cost>,
}

struct SlotState<S> {
    call: Option<Call<S>>,
    written_off: bool,
}

/// A call that is being made.
pub(super) struct Call<S> {
    pub(super) streams: Vec<Arc<S>>,
    pub(super) what: &'static str,
    /// Seconds that it brings, of all its streams together.
    audio: f64,
    since: Instant,
}

impl<S> Slot<S> {
    pub(super) fn new(meter: ModelMeter, cost: Arc<Cost>) -> Self {
        let state = SlotState { call: None, written_off: false };
        Self { state: Mutex::new(state), meter, cost }
    }

    /// A call for these streams begins; it brings so many seconds of audio.
    pub(super) fn begin(&self, streams: Vec<Arc<S>>, what: &'static str, audio: f64) {
        self.lock().call = Some(Call { streams, what, audio, since: Instant::now() });
    }

    /// The call is over; returns whether the thread is still wanted.
    pub(super) fn end(&self) -> bool {
        let mut state = self.lock();
        if let Some(call) = state.call.take() {
            let now = Instant::now();
            let busy = now - call.since;
            self.meter.called(call.what, busy);
            if call.audio > 0.0 {
                self.cost.note(busy, call.audio, now);
            }
        }
        !state.written_off
    }

    /// Writes the thread off if its call takes longer than `limit`.
    pub(super) fn write_off(&self, limit: Duration) -> Option<Call<S>> {
        let mut state = self.lock();
        let Call { streams, what, audio, since } = state.call.as_ref().filter(|call| call.since.elapsed() > limit)?;
        let call = Call { streams: streams.clone(), what, audio: *audio, since: *since };
        state.written_off = true;
        Some(call)
    }

    fn lock(&self) -> MutexGuard<'_, SlotState<S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
