//! A session that can be resumed, in the connection that has it.
//!
//! Invariant: it ends as one of three: the session waits, has ended, or cannot be resumed any more. Threads: the connection's
//! reading task; a task for each session that waits.

use super::{
    super::{Caller, Session, SessionEvents},
    EndedSession, Resumable, Resumed, Slot, State, hash,
    point_file::TokenHash,
    stored::{StoredStream, Survives},
};
use auricle_core::times::wait;
use std::{sync::Arc, time::Instant};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// A session that can be resumed, in the connection that has it. If it is dropped, the session cannot be resumed any more.
#[derive(Debug)]
pub struct Hold {
    resumable: Arc<Resumable>,
    id: String,
    token: String,
    stored: Option<Arc<StoredStream>>,
    wanted: CancellationToken,
    /// Cancelled when the streams of its key must end.
    drain: CancellationToken,
    is_parked: bool,
}

impl Hold {
    /// With a new token; `used` is the one before.
    pub(super) fn new(
        resumable: &Arc<Resumable>,
        id: String,
        caller: &Caller,
        used: Option<TokenHash>,
        stored: Option<Arc<StoredStream>>,
    ) -> (Self, Slot) {
        let token = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()].map(|part| part.simple().to_string()).concat();
        let wanted = CancellationToken::new();
        let tokens = [Some(hash(&token)), used];
        if let Some(stored) = &stored {
            stored.set_tokens(tokens);
        }
        let (key, state) = (caller.key_name().map(str::to_owned), State::Connected(wanted.clone()));
        let slot = Slot { key, tokens, state, stored: stored.clone() };
        let (resumable, drain) = (Arc::clone(resumable), caller.drain.clone());
        (Self { resumable, id, token, stored, wanted, drain, is_parked: false }, slot)
    }

    /// The token with which the client can resume the session.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// What the session's stored points survive; `None` if none are stored.
    pub fn survives(&self) -> Option<Survives> {
        self.stored.as_ref().map(|stored| stored.survives())
    }

    /// Whether the next server can continue the session, because this one stops, its points are stored, and its client acknowledges
    /// events. Then it need not be finished: drop it.
    pub fn outlives_server(&self, session: &Session) -> bool {
        session.is_acknowledged() && self.stored.as_ref().is_some_and(|stored| stored.outlives_server())
    }

    /// Waits until the token is stored.
    pub(super) async fn save(&self) {
        if let Some(stored) = &self.stored {
            stored.save_tokens().await;
        }
    }

    /// How long the session waits without a connection.
    pub fn seconds(&self) -> f64 {
        self.resumable.settings.seconds
    }

    /// Waits until another connection wants the session.
    pub async fn wanted(&self) {
        self.wanted.cancelled().await;
    }

    /// The connection is gone: the session waits for its client.
    pub fn park(self, session: Session, events: SessionEvents) {
        tracing::debug!(stream = self.id, "the stream waits for its client");
        session.waits();
        self.wait(Resumed::Open(Box::new(session), events));
    }

    /// The session has ended. Its client may not have heard of that, and asks again.
    pub fn ended(self, ended: EndedSession) {
        if ended.events.is_empty() {
            return;
        }
        self.wait(Resumed::Ended(ended));
    }

    fn wait(mut self, session: Resumed) {
        self.is_parked = true;
        let (resumable, id, drain) = (Arc::clone(&self.resumable), self.id.clone(), self.drain.clone());
        let since = Instant::now();
        if let Some(slot) = resumable.lock().get_mut(&id) {
            slot.state = State::Waiting { session: Box::new(session), since };
        }
        resumable.parked.notify_waiters();
        while resumable.waiting() > resumable.settings.max_streams && resumable.drop_oldest(|_, _| true) {}
        tokio::spawn(async move {
            // When the server stops, nobody resumes here, but perhaps in the next process.
            let is_drained = timeout(wait(resumable.settings.seconds), drain.cancelled()).await.is_ok();
            let still = |slot: &Slot| matches!(&slot.state, State::Waiting { since: at, .. } if *at == since);
            let mut slots = resumable.lock();
            let expired = slots.get(&id).is_some_and(still).then(|| slots.remove(&id));
            drop(slots);
            if let Some(slot) = expired.flatten().filter(|_| !is_drained) {
                slot.forget();
            }
        });
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if !self.is_parked {
            let slot = self.resumable.lock().remove(&self.id);
            if let Some(slot) = slot {
                slot.forget();
            }
            self.resumable.parked.notify_waiters();
        }
    }
}
