//! Continues streams of a process that has died, from their stored points.
//!
//! Invariant: a stream is in one process once. While it is being restored, whoever else wants it waits. Threads: the task of the
//! connection that resumes.

use super::{
    super::{Admitted, Session, SessionEvents, SessionRequest, admitted::Restoration},
    HAND_OVER, Hold, Resumable, Resumed, hash,
    point_file::{MOST, PointFile, StoredIdentity},
    told::{Seam, Told, unknown_stream},
};
use auricle_core::Failure;
use auricle_plugin_api::{Metadata, Replay};
use auricle_stream::Continuation;
use std::sync::Arc;
use tokio::time::timeout;

/// A client's request to resume a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct ResumeRequest {
    /// The stream's id.
    pub stream: String,
    /// A token of it.
    pub token: String,
    /// The last event that the client has.
    pub last_seq: Option<u64>,
    /// Without it, a stream is not restored from its stored point.
    pub told: Option<Told>,
}

/// A session that its client resumes, and how it can be resumed the next time.
#[derive(Debug)]
pub struct ResumedSession {
    /// The session.
    pub state: Resumed,
    /// Its hold.
    pub hold: Hold,
    /// If it was restored.
    pub seam: Option<Seam>,
}

impl Admitted {
    /// Opens a session that outlives its connection, if the settings allow it; otherwise as [`open`](Self::open).
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_resumable(
        self,
        request: SessionRequest,
    ) -> Result<(Session, SessionEvents, Option<Hold>), Failure> {
        let resumable = Arc::clone(self.sessions().resumable());
        if resumable.settings.seconds <= 0.0 {
            let (session, events) = self.open(request).await?;
            return Ok((session, events, None));
        }
        let caller = self.caller().clone();
        let (session, events) = self.open_storable(request, None).await?;
        let hold = resumable.hold(&session, &caller, None);
        if let Some(stored) = session.stored() {
            stored.begin().await;
        }
        Ok((session, events, Some(hold)))
    }

    /// Finds a session again, wherever it is: in another connection, waiting, or in the store.
    ///
    /// # Errors
    /// The session is not known, or the token or the key is not its own; which of them is not told. A stored one also as
    /// [`open`](Self::open).
    pub async fn resume(self, request: ResumeRequest) -> Result<ResumedSession, Failure> {
        let resumable = Arc::clone(self.sessions().resumable());
        let finding = async {
            loop {
                let changed = resumable.parked.notified();
                if resumable.lock().contains_key(&request.stream) {
                    let (state, hold) = resumable.find_here(self.caller(), &request.stream, &request.token).await?;
                    return Ok(Err(ResumedSession { state, hold, seam: None }));
                }
                match Restoring::begin(&resumable, &request.stream) {
                    Some(restoring) => return Ok(Ok(restoring)),
                    None => changed.await,
                }
            }
        };
        let late = |_| unknown_stream("the stream is being resumed in another connection");
        let found = timeout(HAND_OVER, finding).await.map_err(late).and_then(|found| found);
        match found.inspect_err(|failure| self.refuse(failure))? {
            Err(resumed) => Ok(resumed),
            Ok(restoring) => self.restore(request, &restoring).await,
        }
    }

    async fn restore(self, request: ResumeRequest, restoring: &Restoring) -> Result<ResumedSession, Failure> {
        let (resumable, used) = (&restoring.resumable, hash(&request.token));
        let found = self.find(&request, resumable).await.inspect_err(|failure| self.refuse(failure))?;
        let (file, told) = found;
        let caller = self.caller().clone();
        let StoredIdentity { preset, options, audio, pace, .. } = file.identity.clone();
        let restoration = Restoration { file, told, last_seq: request.last_seq };
        let opening =
            self.open_storable(SessionRequest { preset, options, audio, multichannel: false, pace }, Some(restoration));
        let (session, events) = opening.await?;
        let seam = session.seam();
        tracing::info!(stream = request.stream, ?seam, "the stream is continued from its stored point");
        let hold = resumable.hold(&session, &caller, Some(used));
        hold.save().await;
        Ok(ResumedSession { state: Resumed::Open(Box::new(session), events), hold, seam })
    }

    /// The stored point of a stream, if the client may continue from it.
    async fn find(&self, request: &ResumeRequest, resumable: &Resumable) -> Result<(PointFile, Told), Failure> {
        let unknown = || resumable.unknown(&request.stream);
        let (Some(store), Some(told)) = (&resumable.store, &request.told) else { return Err(unknown()) };
        let file = store.find(&request.stream).await.ok_or_else(unknown)?;
        let used = hash(&request.token);
        let is_own = file.identity.key.as_deref() == self.caller().key_name() && file.tokens.contains(&Some(used));
        if !is_own {
            return Err(unknown());
        }
        let (epoch, flushes) = (file.point.epoch, file.point.grid.flushes);
        let is_before = (told.epoch, told.flushes) > (epoch, flushes);
        let is_sound = [told.text_end, told.event_time].iter().all(|time| (0.0..1e9).contains(time))
            && told.events < MOST
            && request.last_seq.unwrap_or(0) < MOST;
        if is_before || !is_sound || (told.epoch == epoch && told.events < file.point.told) {
            return Err(unknown_stream("the stored point does not fit what the client has: start a new stream"));
        }
        Ok((file, told.clone()))
    }
}

impl Restoration {
    /// How the stream goes on with a model of these metadata.
    ///
    /// # Errors
    /// The model has another sample rate than before.
    pub(in super::super) fn continuation(
        &self,
        fingerprint: &str,
        metadata: &Metadata,
    ) -> Result<Continuation, Failure> {
        let PointFile { identity, point, .. } = &self.file;
        if identity.sample_rate != metadata.sample_rate {
            return Err(unknown_stream("the preset's model has another sample rate than before: start a new stream"));
        }
        let keeps_state = identity.fingerprint == fingerprint;
        let is_exact = keeps_state
            && metadata.replay == Replay::Exact
            && identity.audio.sample_rate == metadata.sample_rate
            && self.told.epoch == point.epoch;
        let has = |time: f64| if self.told.epoch == point.epoch { identity.sample(time) } else { 0 };
        let told = if self.told.epoch == point.epoch { self.told.events } else { point.told };
        let (text_end, event_time) = (has(self.told.text_end), has(self.told.event_time));
        let text = if text_end > 0 { self.told.text.clone() } else { String::new() };
        Ok(Continuation { point: point.clone(), keeps_state, is_exact, told, text_end, text, event_time })
    }

    /// The first of the client's frames that is needed, and the samples before the point that come of it.
    pub(in super::super) fn start(&self) -> (u64, usize) {
        let PointFile { identity, point, .. } = &self.file;
        (identity.frame(point), identity.lead(point))
    }
}

/// A stream that is being restored.
struct Restoring {
    resumable: Arc<Resumable>,
    stream: String,
}

impl Restoring {
    /// `None` if another connection does it.
    fn begin(resumable: &Arc<Resumable>, stream: &str) -> Option<Self> {
        let is_first = resumable.restoring().insert(stream.to_owned());
        is_first.then(|| Self { resumable: Arc::clone(resumable), stream: stream.to_owned() })
    }
}

impl Drop for Restoring {
    fn drop(&mut self) {
        self.resumable.restoring().remove(&self.stream);
        self.resumable.parked.notify_waiters();
    }
}

impl StoredIdentity {
    /// What is stored of a new session.
    pub(in super::super) fn of(
        stream: &str,
        key: Option<&str>,
        request: &SessionRequest,
        fingerprint: String,
        sample_rate: u32,
    ) -> Self {
        Self {
            stream: stream.to_owned(),
            key: key.map(str::to_owned),
            preset: request.preset.clone(),
            options: request.options.clone(),
            audio: request.audio,
            pace: request.pace,
            fingerprint,
            sample_rate,
        }
    }
}
