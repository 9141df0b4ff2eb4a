//! Sessions that outlive their connection, so that their clients can resume them.
//!
//! Invariants: a session is in one connection, or waits here, never both; a client that resumes it takes it from the
//! connection that has it. A token is good for one session of one key; the one before stays good until the next was used,
//! because its client may not have heard of that. Of tokens only hashes are kept. Threads: any; the lock is held for a few
//! instructions.

mod folder;
pub mod fuzzing;
mod hold;
mod point_file;
mod restore;
mod settings;
mod store;
mod stored;
mod told;

pub use hold::Hold;
pub(super) use point_file::PointFile;
pub(super) use point_file::StoredIdentity;
pub use restore::{ResumeRequest, ResumedSession};
pub use settings::ResumeSettings;
pub(super) use store::PointStore;
pub(super) use stored::StoredStream;
pub use stored::{Durable, Survives};
pub(super) use told::unknown_stream;
pub use told::{Seam, Told};

use super::{Caller, NumberedEvent, Session, SessionEvents, SessionInfo, events::after, session::Progress};
use auricle_core::Failure;
use point_file::{TokenHash, Tokens};
use sha2::{Digest, Sha256};
use std::{
    collections::{HashMap, HashSet},
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{sync::Notify, time::timeout};
use tokio_util::sync::CancellationToken;

/// How long the connection that has a session may take to give it up.
const HAND_OVER: Duration = Duration::from_secs(5);

/// All sessions that can be resumed.
#[derive(Debug, Default)]
pub(super) struct Resumable {
    settings: ResumeSettings,
    store: Option<Arc<PointStore>>,
    slots: Mutex<HashMap<String, Slot>>,
    /// The streams that are being restored from the store.
    restoring: Mutex<HashSet<String>>,
    /// A session began to wait, or can no longer be resumed.
    parked: Notify,
}

/// A session that can be resumed.
#[derive(Debug)]
struct Slot {
    /// The name of its key.
    key: Option<String>,
    /// Hashes of the token and of the one before.
    tokens: Tokens,
    state: State,
    /// If its points are stored.
    stored: Option<Arc<StoredStream>>,
}

impl Slot {
    /// Nobody can resume it any more.
    fn forget(self) {
        if let Some(stored) = &self.stored {
            stored.remove();
        }
    }
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
        let end = self.events.last().map_or(0, |event| event.seq + 1);
        after(self.events.iter(), end, last_seq)
    }
}

fn hash(token: &str) -> TokenHash {
    Sha256::digest(token).into()
}

impl Resumable {
    pub(super) fn new(settings: ResumeSettings) -> io::Result<Self> {
        let store = PointStore::open(&settings)?;
        Ok(Self { settings, store, ..Self::default() })
    }

    /// Where points are stored, if they are.
    pub(super) fn store(&self) -> Option<&Arc<PointStore>> {
        self.store.as_ref()
    }

    /// Ends the open session that has waited longest, of one key or of any. Returns whether there was one.
    pub(super) fn evict(&self, key: Option<&str>) -> bool {
        let of_key = |slot: &Slot| key.is_none() || slot.key.as_deref() == key;
        self.drop_oldest(|slot, state| of_key(slot) && matches!(state, Resumed::Open(..)))
    }

    /// As [`evict`](Self::evict), of one loaded model.
    pub(super) fn evict_from(&self, model: u64) -> bool {
        self.drop_oldest(|_, state| matches!(state, Resumed::Open(session, _) if session.model() == model))
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
        if let Some(slot) = dropped {
            slot.forget();
        }
        true
    }

    /// Whether a caller may have anything to resume.
    pub(super) fn may_have(&self, key: Option<&str>) -> bool {
        self.store.is_some() || self.lock().values().any(|slot| slot.key.as_deref() == key)
    }

    fn waiting(&self) -> usize {
        self.lock().values().filter(|slot| matches!(slot.state, State::Waiting { .. })).count()
    }

    /// Takes a session out. `None` if it is still in a connection, which is asked to give it up.
    fn take(self: &Arc<Self>, id: &str, caller: &Caller, token: &str) -> Result<Option<(Resumed, Hold)>, Failure> {
        let (mut slots, used) = (self.lock(), hash(token));
        let known = |slot: &&mut Slot| slot.key.as_deref() == caller.key_name() && slot.tokens.contains(&Some(used));
        let slot = slots.get_mut(id).filter(known).ok_or_else(|| self.unknown(id))?;
        if let State::Connected(wanted) = &slot.state {
            wanted.cancel();
            return Ok(None);
        }
        let (hold, next) = Hold::new(self, id.to_owned(), caller, Some(used), slot.stored.clone());
        let before = std::mem::replace(slot, next);
        // A hold that is dropped takes the lock, too.
        drop(slots);
        match before.state {
            State::Waiting { session, .. } => Ok(Some((*session, hold))),
            State::Connected(_) => Ok(None),
        }
    }

    fn unknown(&self, id: &str) -> Failure {
        unknown_stream(format_args!(
            "there is no stream `{id}` to resume with this token and key; it may have waited longer than {} s: start a new one",
            self.settings.seconds
        ))
    }

    /// Lets a session outlive its connection; `used` is the token with which it was resumed.
    fn hold(self: &Arc<Self>, session: &Session, caller: &Caller, used: Option<TokenHash>) -> Hold {
        let id = session.info().id.clone();
        let (hold, slot) = Hold::new(self, id.clone(), caller, used, session.stored().cloned());
        self.lock().insert(id, slot);
        hold
    }

    fn restoring(&self) -> MutexGuard<'_, HashSet<String>> {
        self.restoring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Resumable {
    /// Finds a session of this process again.
    async fn find_here(self: &Arc<Self>, caller: &Caller, id: &str, token: &str) -> Result<(Resumed, Hold), Failure> {
        let taking = async {
            loop {
                let parked = self.parked.notified();
                match self.take(id, caller, token)? {
                    Some(taken) => return Ok(taken),
                    None => parked.await,
                }
            }
        };
        let late = |_| unknown_stream("the stream's other connection does not end: start a new one");
        let (resumed, hold) = timeout(HAND_OVER, taking).await.map_err(late)??;
        hold.save().await;
        Ok((resumed, hold))
    }
}
