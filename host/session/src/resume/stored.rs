//! One stream whose points are stored: which point is stored next, and how far the stored one reaches.
//!
//! Invariant: a point is stored when the client has acknowledged all events before it, so whoever continues from it need not tell
//! them again. One point of a stream is written at a time. Threads: the connection's writing task, and the store's.

use super::{
    point_file::{PointFile, StoredIdentity, Tokens},
    store::PointStore,
};
use auricle_stream::StreamPoint;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};
use tokio::sync::Notify;

/// What a stored point survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survives {
    /// The death of the server's process.
    Process,
    /// That of the machine, too.
    Machine,
}

/// How far a stream is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durable {
    /// The first of the client's frames that would be needed again.
    From(u64, Survives),
    /// The store takes nothing of it.
    Refused,
}

/// One stream.
#[derive(Debug)]
pub(in super::super) struct StoredStream {
    store: Arc<PointStore>,
    identity: StoredIdentity,
    state: Mutex<State>,
    /// A point was written, or could not be.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    tokens: Tokens,
    /// The point to be stored next, and one past the last event before it.
    next: Option<(StreamPoint, u64)>,
    is_writing: bool,
    /// The epoch and the first frame of the point that is stored.
    stored: Option<(u32, u64)>,
    is_refused: bool,
    /// Where the point was that was written last, and when.
    last: Option<(Place, Instant)>,
}

/// What tells two points apart: epoch, flushes, sample.
type Place = (u32, u64, u64);

fn place(point: &StreamPoint) -> Place {
    (point.epoch, point.grid.flushes, point.sample)
}

impl StoredStream {
    pub(in super::super) fn new(store: Arc<PointStore>, identity: StoredIdentity) -> Arc<Self> {
        Arc::new(Self { store, identity, state: Mutex::default(), changed: Notify::new() })
    }

    /// The tokens with which the stream can be resumed from now on.
    pub(super) fn set_tokens(&self, tokens: Tokens) {
        self.lock().tokens = tokens;
    }

    /// Waits until the tokens are stored, if anything of the stream is.
    pub(super) async fn save_tokens(&self) {
        let tokens = self.lock().tokens;
        self.store.retoken(&self.identity.stream, tokens).await;
    }

    /// Nobody can resume the stream any more.
    pub(super) fn remove(&self) {
        self.store.remove(&self.identity.stream);
    }

    /// Looks at the stream's last point. `told` counts the events of its epoch, `next` numbers the next one, and `acknowledged` the
    /// first that the client may not have.
    pub(in super::super) fn consider(self: &Arc<Self>, point: StreamPoint, told: u64, next: u64, acknowledged: u64) {
        let mut state = self.lock();
        let is_due = |(last, at): &(Place, Instant)| {
            // What a reset or a flush ended cannot be continued.
            (last.0, last.1) != (point.epoch, point.grid.flushes)
                || (last.2 != point.sample && (self.store.keeps_all() || at.elapsed() >= self.store.store_every))
        };
        let is_stale = |(waiting, _): &(StreamPoint, u64)| {
            (waiting.epoch, waiting.grid.flushes) != (point.epoch, point.grid.flushes)
        };
        if state.next.as_ref().is_none_or(is_stale) && state.last.as_ref().is_none_or(is_due) && told >= point.told {
            // Before the first event there is nothing that the client could lack.
            let is_first = (point.epoch, point.grid.flushes, point.told) == (0, 0, 0);
            state.next = Some((point, if is_first { 0 } else { next }));
        }
        if state.is_writing || state.tokens[0].is_none() {
            return;
        }
        if let Some((point, _)) = state.next.take_if(|(_, rests_on)| *rests_on <= acknowledged) {
            let (identity, tokens, at) = (self.identity.clone(), state.tokens, place(&point));
            if self.store.put(PointFile { identity, tokens, point }, Arc::clone(self)) {
                (state.is_writing, state.last) = (true, Some((at, Instant::now())));
            }
        }
    }

    /// Stores the beginning of a new stream, and waits for that: from its first message on, it survives.
    pub(super) async fn begin(self: &Arc<Self>) {
        let changed = self.changed.notified();
        self.consider(StreamPoint::default(), 0, 0, 0);
        if self.lock().is_writing {
            changed.await;
        }
    }

    /// Whether a point waits for the client to acknowledge the events before it.
    pub(in super::super) fn waits_for_client(&self) -> bool {
        let state = self.lock();
        state.next.is_some() && !state.is_writing
    }

    /// Whether the next server can continue the stream, because this one stops and it is stored.
    pub(super) fn outlives_server(&self) -> bool {
        let state = self.lock();
        self.store.keeps_all() && state.stored.is_some() && !state.is_refused
    }

    /// The store has written a point, or could not.
    pub(super) fn written(&self, point: &StreamPoint, is_written: bool) {
        let mut state = self.lock();
        (state.is_writing, state.is_refused) = (false, !is_written);
        if is_written {
            state.stored = Some((point.epoch, self.identity.frame(point)));
        }
        self.changed.notify_waiters();
    }

    /// How far the stream is stored in this epoch.
    pub(in super::super) fn durable(&self, epoch: u32) -> Durable {
        let state = self.lock();
        match state.stored.filter(|(stored, _)| *stored == epoch) {
            _ if state.is_refused => Durable::Refused,
            Some((_, frame)) => Durable::From(frame, self.survives()),
            None => Durable::From(0, self.survives()),
        }
    }

    /// What its stored points survive.
    pub(super) fn survives(&self) -> Survives {
        if self.store.is_synced { Survives::Machine } else { Survives::Process }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
