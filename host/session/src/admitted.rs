//! An admitted caller opens a session, step by step.
//!
//! Invariant: the order of the steps. First the permits of server and key, so that a refused client costs little; then
//! the preset and its model; then the model's permits; then the journal; last the streams are scheduled, so that no engine
//! gets a session that may not begin. Refusals of admitted callers are recorded here. Threads: any.

use super::{
    Caller, Protocol, Refusal, Session, SessionEvents, SessionInfo, SessionRequest, Sessions,
    access::StreamRecord,
    admission::Places,
    catalog::Opening,
    failures::FailureReport,
    journal,
    lease::{Lease, journal_failure},
    registry::Entry,
    resume::{PointFile, PointStore, StoredIdentity, StoredStream, Told},
    session::{Shared, intakes},
    sessions::LOOK_EVERY,
};
use auricle_core::{Failure, FailureCode, Warning, metrics::Metrics, permits::Permit};
use auricle_stream::{ModelScheduler, Stream, StreamSettings, StreamUsage};
use std::{
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, Instant, SystemTime},
};
use tokio::time::sleep;

/// The capability of a stage that hides what was said.
const REDACTS: &str = "redacts";
/// How long a session that must give its place to another may take to end.
const EVICTED_WITHIN: Duration = Duration::from_secs(5);

/// An admitted caller, who may open one session, with one stream or more.
#[derive(Debug)]
pub struct Admitted {
    pub(super) sessions: Arc<Sessions>,
    pub(super) caller: Caller,
    pub(super) protocol: Protocol,
    /// Why there are none now: a stream without a connection may have to end first.
    pub(super) places: Result<Places, Failure>,
}

impl Sessions {
    /// Takes the places of a session; if there are none, from one that waits for its client.
    pub(super) fn take_places(&self, caller: &Caller) -> Result<Places, Failure> {
        loop {
            match self.admission.take_places(caller) {
                Err(failure) if is_full(&failure) => {
                    let key = (failure.code == FailureCode::KeyStreams).then(|| caller.key_name()).flatten();
                    if !self.resumable.evict(key) {
                        return Err(failure);
                    }
                }
                places => return places,
            }
        }
    }

    /// Takes a place of a model; if there is none, from a session that waits for its client, whose processor ends first.
    pub(super) async fn take_place(&self, model: &ModelScheduler) -> Result<Permit, Failure> {
        let is_full = |failure: &Failure| failure.code == FailureCode::Capacity;
        match model.take_place() {
            Err(failure) if is_full(&failure) && self.resumable.evict_from(model.id()) => {}
            place => return place,
        }
        let begun = Instant::now();
        loop {
            match model.take_place() {
                Err(failure) if is_full(&failure) && begun.elapsed() < EVICTED_WITHIN => sleep(LOOK_EVERY).await,
                place => return place,
            }
        }
    }
}

impl Admitted {
    /// The admitted caller.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The sessions of the server.
    pub fn sessions(&self) -> &Arc<Sessions> {
        &self.sessions
    }

    /// Opens the session, and loads the model if necessary. `Event::Ready` follows when the processor is created. Audio
    /// may be sent before that.
    ///
    /// # Errors
    /// What the client or the operator must change, or that the client must try later. The refusal is recorded, and its
    /// message is for the client.
    pub async fn open(self, request: SessionRequest) -> Result<(Session, SessionEvents), Failure> {
        self.open_as(new_id(), request, None, None).await
    }

    /// Like [`open`](Self::open), and has its points stored if there is a store. A session that is restored is continued.
    pub(super) async fn open_storable(
        self,
        request: SessionRequest,
        from: Option<Restoration>,
    ) -> Result<(Session, SessionEvents), Failure> {
        let store = self.sessions.resumable.store().cloned();
        let id = from.as_ref().map_or_else(new_id, |from| from.file.stream().to_owned());
        self.open_as(id, request, store, from).await
    }

    async fn open_as(
        self,
        id: String,
        request: SessionRequest,
        store: Option<Arc<PointStore>>,
        from: Option<Restoration>,
    ) -> Result<(Session, SessionEvents), Failure> {
        let (sessions, caller, protocol) = (Arc::clone(&self.sessions), self.caller.clone(), self.protocol);
        let preset = request.preset.clone();
        let opened = self.try_open(id.clone(), request, store, from).await;
        opened.map_err(|failure| {
            sessions.failures.note(FailureReport::of_request(&id, &preset, protocol.name, &caller, &failure));
            refuse(&sessions.metrics, &caller, protocol, Some((&id, &preset)), &failure);
            failure.for_client(&id)
        })
    }

    /// Records that the client is refused before it requested a session.
    pub fn refuse(&self, failure: &Failure) {
        refuse(&self.sessions.metrics, &self.caller, self.protocol, None, failure);
    }

    async fn try_open(
        self,
        id: String,
        request: SessionRequest,
        store: Option<Arc<PointStore>>,
        from: Option<Restoration>,
    ) -> Result<(Session, SessionEvents), Failure> {
        let Self { sessions, caller, protocol, places } = self;
        let SessionRequest { preset, options, audio, multichannel, pace } = request.clone();
        caller.check_preset(&preset)?;
        let multichannel = multichannel && audio.channels > 1 && audio.channel.is_none();
        let count = if multichannel { audio.channels.into() } else { 1 };
        audio.check().map_err(|problem| Failure::new(FailureCode::BadAudio, problem))?;
        // All places first, so that a client that cannot have all its streams does not begin with some.
        let mut places = vec![places.or_else(|_| sessions.take_places(&caller))?];
        while places.len() < count {
            places.push(sessions.take_places(&caller)?);
        }
        sessions.wait_for_engine(&preset).await;
        let Opening { preset, scheduler, fields, fingerprint, warnings, .. } =
            sessions.catalog.open(&preset, options).await?;
        sessions.admission.check(&preset.name, &scheduler, pace, count)?;
        let metadata = scheduler.metadata().clone();
        let continuation = from.as_ref().map(|from| from.continuation(&fingerprint, &metadata)).transpose()?;
        let intakes = intakes(audio, multichannel, metadata.sample_rate)?;
        let mut permits = Vec::new();
        while permits.len() < count {
            permits.push(sessions.take_place(&scheduler).await?);
        }
        let start = || journal::Start {
            stream: id.clone(),
            preset: preset.name.clone(),
            backend: preset.backend.clone(),
            key: caller.key_name().map(str::to_owned),
            time: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            separator: metadata.separator.clone(),
        };
        let recorder = sessions.journal.as_ref().map(|journal| journal.begin(start(), metadata.sample_rate));
        let recorder = recorder.transpose().map_err(|error| journal_failure(&error))?;
        let entry = Arc::new(Entry::new(&id, &preset, &caller, pace, &scheduler, count));
        let usage = Arc::<StreamUsage>::default();
        let failures = Arc::clone(&sessions.failures);
        let record = Arc::new(StreamRecord::new(Arc::clone(&entry), Arc::clone(&usage), protocol, failures));
        let (registry, metrics) = (Arc::clone(&sessions.registry), Arc::clone(&sessions.metrics));
        for Warning { field, message } in &warnings {
            metrics.ignored(protocol.name, field);
            tracing::info!(stream = id, dialect = protocol.name, "the client is warned: {message}");
        }
        let lease = Lease::new(Arc::clone(&entry), Arc::clone(&record), places, registry, metrics, recorder);
        tracing::debug!(stream = id, preset = preset.name, "stream opened");
        let settings = StreamSettings { pace, mute_seconds: preset.host.mute_seconds, ..sessions.stream.clone() };
        // An engine's state has what was said, and what a preset hides is not written down. The points of several streams would
        // have to be stored together.
        let hides = metadata.capabilities.iter().any(|ability| ability == REDACTS);
        let stored = store.filter(|_| !hides && !multichannel).map(|store| {
            let (key, rate) = (caller.key_name(), metadata.sample_rate);
            StoredStream::new(store, StoredIdentity::of(&id, key, &request, fingerprint, rate))
        });
        let open = |(channel, permit): (usize, Permit)| {
            let id = if multichannel { format!("{id}.{channel}") } else { id.clone() };
            let (scheduler, held) = (Arc::clone(&scheduler), (permit, Arc::clone(&record)));
            let (fields, settings, usage) = (fields.clone(), settings.clone(), Arc::clone(&usage));
            match &stored {
                None => Stream::open(id, scheduler, held, fields, settings, usage),
                Some(_) => {
                    let from = continuation.clone();
                    Stream::open_storable(id, scheduler, held, fields, settings, usage, from)
                }
            }
        };
        let streams: Vec<_> = permits.into_iter().enumerate().map(open).collect();
        // Each stream has it until its processor is dropped.
        drop(record);
        entry.opened(&streams);
        let (received, acknowledged) = (AtomicU64::new(0), AtomicU64::new(0));
        let shared = Shared { streams, lease, received, acknowledged, warnings: warnings.clone(), stored };
        let shared = Arc::new(shared);
        let (preset, backend) = (preset.name.clone(), preset.backend.clone());
        let info = SessionInfo { id, preset, backend, metadata, audio, multichannel, warnings };
        let (mut session, mut events) = (Session::new(Arc::clone(&shared), info, intakes), SessionEvents::new(shared));
        if let (Some(from), Some(continuation)) = (from, continuation) {
            session.continue_from(&continuation, from.start());
            events.continue_from(&continuation, from.last_seq);
        }
        Ok((session, events))
    }
}

/// A stream that is restored: its stored point, and what its client has.
#[derive(Debug)]
pub(super) struct Restoration {
    pub(super) file: PointFile,
    pub(super) told: Told,
    /// The last event that the client has.
    pub(super) last_seq: Option<u64>,
}

fn new_id() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// Whether all streams are taken that the server or the key may have.
pub(super) fn is_full(failure: &Failure) -> bool {
    matches!(failure.code, FailureCode::Streams | FailureCode::KeyStreams)
}

/// Records a refusal; `request` is the id and the preset of a requested session.
pub(super) fn refuse(
    metrics: &Metrics,
    caller: &Caller,
    protocol: Protocol,
    request: Option<(&str, &str)>,
    failure: &Failure,
) {
    let (peer, key, dialect) = (caller.address, caller.key_name(), Some(protocol.name));
    let (id, preset) = request.unzip();
    let stream = id.filter(|_| failure.detail.is_some());
    let answer = Some(protocol.codes.answer(Some(failure.code)));
    Refusal { failure, peer, key, dialect, stream, preset, answer }.record(metrics);
}
