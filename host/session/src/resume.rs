//! Sessions that outlive their connection, so that their clients can resume them.
//!
//! Invariants: a session is in one connection, or waits here, never both; a client that resumes it takes it from the
//! connection that has it. A token is good for one session of one key; the one before stays good until the next was used,
//! because its client may not have heard of that. Of tokens only hashes are kept. Threads: any; the lock is held for a few
//! instructions.

use super::{Caller, NumberedEvent, Session, SessionEvents, SessionInfo, session::Progress, sessions::Sessions};
use auricle_core::{Failure, FailureCode, times::wait};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{sync::Notify, time::timeout};
use tokio_util::sync::CancellationToken;

/// How long the connection that has a session may take to give it up.
const HAND_OVER: Duration = Duration::from_secs(5);

/// How sessions wait for their clients.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResumeSettings {
    /// Seconds that a session waits without a connection. With 0, none can be resumed.
    pub seconds: f64,
    /// Number of sessions that may wait. If there are more, the one that has waited longest can no longer be resumed.
    pub max_streams: usize,
}

impl Default for ResumeSettings {
    fn default() -> Self {
        Self { seconds: 60.0, max_streams: 1_000 }
    }
}

/// All sessions that can be resumed.
#[derive(Debug, Default)]
pub(super) struct Resumable {
    settings: ResumeSettings,
    slots: Mutex<HashMap<String, Slot>>,
    /// A session began to wait, or can no longer be resumed.
    parked: Notify,
}

/// A session that can be resumed.
#[derive(Debug)]
struct Slot {
    /// The name of its key.
    key: Option<String>,
    /// Hashes of the token and of the one before.
    tokens: [Option<TokenHash>; 2],
    state: State,
}

#[derive(Debug)]
enum State {
    /// It is in a connection, which gives it up when this is cancelled.
    Connected(CancellationToken),
    Waiting {
        session: Box<Resumed>,
        since: Instant,
    },
}

/// A session that its client resumes.
#[derive(Debug)]
pub enum Resumed {
    /// It goes on.
    Open(Box<Session>, SessionEvents),
    /// It has ended while the client was away.
    Ended(EndedSession),
}

/// What is left of a session that has ended.
#[derive(Debug)]
pub struct EndedSession {
    /// The properties that its client may see.
    pub info: Arc<SessionInfo>,
    /// What it received.
    pub progress: Progress,
    /// The events that the client may not have, with the last one.
    pub events: Vec<Arc<NumberedEvent>>,
}

impl EndedSession {
    /// The events after `last_seq`, or all, and how many between are gone.
    pub fn after(&self, last_seq: Option<u64>) -> (Vec<Arc<NumberedEvent>>, u64) {
        let next = last_seq.map_or(0, |seq| seq.saturating_add(1));
        let events: Vec<_> = self.events.iter().filter(|event| event.seq >= next).cloned().collect();
        let missed = events.first().map_or(0, |event| event.seq - next);
        (events, missed)
    }
}

type TokenHash = [u8; 32];

fn hash(token: &str) -> TokenHash {
    Sha256::digest(token).into()
}

impl Resumable {
    pub(super) fn new(settings: ResumeSettings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// Ends the open session that has waited longest, of one key or of any. Returns whether there was one.
    pub(super) fn evict(&self, key: Option<&str>) -> bool {
        let of_key = |slot: &Slot| key.is_none() || slot.key.as_deref() == key;
        self.drop_oldest(|slot, state| of_key(slot) && matches!(state, Resumed::Open(..)))
    }

    fn drop_oldest(&self, may_go: impl Fn(&Slot, &Resumed) -> bool) -> bool {
        let mut slots = self.lock();
        let waiting = slots.iter().filter_map(|(id, slot)| match &slot.state {
            State::Waiting { session, since } if may_go(slot, session) => Some((*since, id.clone())),
            _ => None,
        });
        let Some((_, oldest)) = waiting.min() else { return false };
        let dropped = slots.remove(&oldest);
        drop(slots);
        tracing::info!(stream = oldest, "a stream can no longer be resumed, because its place is needed");
        drop(dropped);
        true
    }

    /// Whether there is any.
    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn waiting(&self) -> usize {
        self.lock().values().filter(|slot| matches!(slot.state, State::Waiting { .. })).count()
    }

    /// Takes a session out. `None` if it is still in a connection, which is asked to give it up.
    fn take(self: &Arc<Self>, id: &str, caller: &Caller, token: &str) -> Result<Option<(Resumed, Hold)>, Failure> {
        let (mut slots, used) = (self.lock(), hash(token));
        let known = |slot: &&mut Slot| slot.key.as_deref() == caller.key_name() && slot.tokens.contains(&Some(used));
        let slot = slots.get_mut(id).filter(known).ok_or_else(|| {
            let message = format!(
                "there is no stream `{id}` to resume with this token and key; it may have waited longer than {} s: start a new one",
                self.settings.seconds
            );
            Failure::new(FailureCode::UnknownStream, message)
        })?;
        if let State::Connected(wanted) = &slot.state {
            wanted.cancel();
            return Ok(None);
        }
        let (hold, next) = Hold::new(self, id.to_owned(), caller, Some(used));
        let before = std::mem::replace(slot, next);
        // A hold that is dropped takes the lock, too.
        drop(slots);
        match before.state {
            State::Waiting { session, .. } => Ok(Some((*session, hold))),
            State::Connected(_) => Ok(None),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sessions {
    /// Lets a session outlive its connection. `None` if the settings do not allow it.
    pub fn hold(self: &Arc<Self>, session: &Session, caller: &Caller) -> Option<Hold> {
        let resumable = self.resumable();
        if resumable.settings.seconds <= 0.0 {
            return None;
        }
        let id = session.info().id.clone();
        let (hold, slot) = Hold::new(resumable, id.clone(), caller, None);
        resumable.lock().insert(id, slot);
        Some(hold)
    }

    /// Finds a session again, wherever it is.
    ///
    /// # Errors
    /// The session is not known, or the token or the key is not its own; which of them is not told.
    pub async fn resume(&self, caller: &Caller, id: &str, token: &str) -> Result<(Resumed, Hold), Failure> {
        let resumable = self.resumable();
        let taking = async {
            loop {
                let parked = resumable.parked.notified();
                match resumable.take(id, caller, token)? {
                    Some(taken) => return Ok(taken),
                    None => parked.await,
                }
            }
        };
        let late =
            || Failure::new(FailureCode::UnknownStream, "the stream's other connection does not end: start a new one");
        timeout(HAND_OVER, taking).await.map_err(|_| late())?
    }
}

/// A session that can be resumed, in the connection that has it. If it is dropped, the session cannot be resumed any more.
#[derive(Debug)]
pub struct Hold {
    resumable: Arc<Resumable>,
    id: String,
    token: String,
    wanted: CancellationToken,
    /// Cancelled when the streams of its key must end.
    drain: CancellationToken,
    is_parked: bool,
}

impl Hold {
    /// With a new token; `used` is the one before.
    fn new(resumable: &Arc<Resumable>, id: String, caller: &Caller, used: Option<TokenHash>) -> (Self, Slot) {
        let token = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()].map(|part| part.simple().to_string()).concat();
        let wanted = CancellationToken::new();
        let slot = Slot {
            key: caller.key_name().map(str::to_owned),
            tokens: [Some(hash(&token)), used],
            state: State::Connected(wanted.clone()),
        };
        let (resumable, drain) = (Arc::clone(resumable), caller.drain.clone());
        (Self { resumable, id, token, wanted, drain, is_parked: false }, slot)
    }

    /// The token with which the client can resume the session.
    pub fn token(&self) -> &str {
        &self.token
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
            // When the server stops, nobody resumes here.
            let _ = timeout(wait(resumable.settings.seconds), drain.cancelled()).await;
            let still = |slot: &Slot| matches!(&slot.state, State::Waiting { since: at, .. } if *at == since);
            let mut slots = resumable.lock();
            let expired = slots.get(&id).is_some_and(still).then(|| slots.remove(&id));
            drop(slots);
            drop(expired);
        });
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if !self.is_parked {
            self.resumable.lock().remove(&self.id);
            self.resumable.parked.notify_waiters();
        }
    }
}
