//! Opens all sessions. Every protocol uses this entry point.
//!
//! Invariant: the order of the steps. First the permits of server and key, so that a refused client costs little; then
//! the preset and its model; then the model's permit; then the journal; last the stream is scheduled, so that no engine
//! gets a session that may not begin. Refusals of admitted callers are recorded here. Threads: any.

use super::{
    AdmissionSettings, Caller, Catalog, Journal, ModelNames, Preset, Presets, Protocol, Refusal, Session,
    SessionEvents, SessionInfo, SessionRegistry,
    access::StreamRecord,
    admission::{Admission, Places},
    catalog::Opening,
    failures::{FailureReport, RecentFailures},
    journal,
    lease::{Lease, journal_failure},
    registry::Entry,
    resume::{Resumable, ResumeSettings},
    session::Shared,
};
use auricle_audio::Intake;
use auricle_core::{AudioFormat, Failure, FailureCode, Pace, metrics::Metrics};
use auricle_engines::plugins::FirstScan;
use auricle_stream::{Stream, StreamSettings, StreamUsage};
use serde_json::{Map, Value};
use std::{
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, SystemTime},
};
use tokio::{sync::watch, time::sleep};
use tokio_util::sync::CancellationToken;

/// Time between two looks for an engine that is still being probed.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A client's request for a session.
#[derive(Debug, Clone)]
pub struct SessionRequest {
    /// The preset's name.
    pub preset: String,
    /// Stream fields, which the preset must open to clients.
    pub options: Map<String, Value>,
    /// The format of the client's audio.
    pub audio: AudioFormat,
    /// Who sets the pace.
    pub pace: Pace,
}

/// What a client may know of a preset before it opens a session.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Offer {
    /// The preset's name.
    pub name: String,
    /// Its title for people; may be empty.
    pub title: String,
    /// BCP 47 tags: the languages of its model if it is loaded, or else the preset's own language; empty if unknown.
    pub languages: Vec<String>,
}

/// All sessions of a server.
#[derive(Debug)]
pub struct Sessions {
    catalog: Arc<Catalog>,
    presets: Arc<Presets>,
    registry: Arc<SessionRegistry>,
    failures: Arc<RecentFailures>,
    admission: Admission,
    journal: Option<Arc<Journal>>,
    /// The limits of each stream. The client's request replaces the pace.
    stream: StreamSettings,
    metrics: Arc<Metrics>,
    first_scan: watch::Receiver<FirstScan>,
    stopping: CancellationToken,
    names: ModelNames,
    resumable: Arc<Resumable>,
}

/// An admitted caller, who may open one session.
#[derive(Debug)]
pub struct Admitted {
    sessions: Arc<Sessions>,
    caller: Caller,
    protocol: Protocol,
    /// Why there are none now: a stream without a connection may have to end first.
    places: Result<Places, Failure>,
}

impl Sessions {
    /// Creates an instance without open sessions. Sessions wait until `first_scan` has found the
    /// engine of their preset.
    pub fn new(
        catalog: Arc<Catalog>,
        presets: Arc<Presets>,
        journal: Option<Arc<Journal>>,
        admission: AdmissionSettings,
        stream: StreamSettings,
        metrics: Arc<Metrics>,
        first_scan: watch::Receiver<FirstScan>,
    ) -> Self {
        let (registry, stopping): (Arc<SessionRegistry>, _) = (Arc::default(), CancellationToken::new());
        let admission =
            Admission::new(admission, Arc::clone(&presets), Arc::clone(&registry), CancellationToken::clone(&stopping));
        Self {
            catalog,
            presets,
            registry,
            failures: Arc::default(),
            admission,
            journal,
            stream,
            metrics,
            first_scan,
            stopping,
            names: ModelNames::default(),
            resumable: Arc::default(),
        }
    }

    /// Sets the presets for the model names of clients.
    #[must_use]
    pub fn with_names(self, names: ModelNames) -> Self {
        Self { names, ..self }
    }

    /// Sets how sessions wait for clients that resume them.
    #[must_use]
    pub fn with_resume(self, settings: ResumeSettings) -> Self {
        Self { resumable: Arc::new(Resumable::new(settings)), ..self }
    }

    pub(super) fn resumable(&self) -> &Arc<Resumable> {
        &self.resumable
    }

    /// Waits until the preset's engine is registered, but not longer than the first scan of the plugin directories takes.
    async fn wait_for_engine(&self, preset: &str) {
        let mut scan = self.first_scan.clone();
        // If the watcher has ended, so has the server.
        let _ = scan.wait_for(|scan| *scan != FirstScan::Running).await;
        while *scan.borrow() == FirstScan::Late && self.catalog.lacks_engine(preset) {
            sleep(LOOK_EVERY).await;
        }
    }

    /// The open sessions.
    pub fn registry(&self) -> &SessionRegistry {
        &self.registry
    }

    /// The last failures.
    pub fn failures(&self) -> &RecentFailures {
        &self.failures
    }

    /// The largest number of open sessions.
    pub fn max_streams(&self) -> usize {
        self.admission.max_streams()
    }

    pub(super) fn admission(&self) -> &Admission {
        &self.admission
    }

    pub(super) fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The server's metrics.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Refuses all new sessions from now on.
    pub fn stop(&self) {
        self.stopping.cancel();
    }

    /// Whether [`stop`](Self::stop) was called.
    pub fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    /// The preset for the name of a model: the preset of this name, else the one that `[models]` has for it. A name that is
    /// neither is returned unchanged; no preset has it.
    pub fn preset_for(&self, model: &str) -> String {
        match self.names.preset(model) {
            Some(preset) if !self.has_preset(model) => preset.to_owned(),
            _ => model.to_owned(),
        }
    }

    /// The names of models that a caller may use, sorted: its presets, and the names for them in `[models]` that have no
    /// `*`.
    pub fn models(&self, caller: &Caller) -> Vec<String> {
        let mut models = self.presets(caller);
        let named = self.names.names().filter(|(_, preset)| self.has_preset(preset) && caller.may_use(preset));
        models.extend(named.map(|(name, _)| name.to_owned()));
        models.sort();
        models.dedup();
        models
    }

    /// Whether there is a preset of this name.
    pub fn has_preset(&self, name: &str) -> bool {
        self.presets.versions(name).is_some()
    }

    /// The preset that new streams of this name get now, unless another version takes over meanwhile. `None` if there is none.
    pub fn preset(&self, name: &str) -> Option<Arc<Preset>> {
        let versions = self.presets.versions(name)?;
        versions.service.or_else(|| versions.candidate?.preset)
    }

    /// The names of the presets that a caller may use, sorted.
    pub fn presets(&self, caller: &Caller) -> Vec<String> {
        self.presets.names().into_iter().filter(|name| caller.may_use(name)).collect()
    }

    /// Whether a preset opens a stream field to clients. False if there is no such preset.
    pub fn opens(&self, preset: &str, field: &str) -> bool {
        self.preset(preset).is_some_and(|preset| preset.host.open.iter().any(|name| name == field))
    }

    /// The presets that a caller may use, sorted by name.
    pub fn offers(&self, caller: &Caller) -> Vec<Offer> {
        self.presets(caller).into_iter().map(|name| self.offer(name)).collect()
    }

    fn offer(&self, name: String) -> Offer {
        let loaded = self.catalog.loaded(&name).map(|model| model.metadata().languages.clone());
        let Some(preset) = self.preset(&name) else { return Offer { name, ..Offer::default() } };
        let set = || preset.fields.get("lan").and_then(Value::as_str).filter(|language| *language != "auto");
        let languages = loaded.unwrap_or_else(|| set().into_iter().map(str::to_owned).collect());
        Offer { name, title: preset.host.title.clone(), languages }
    }

    /// Admits a caller, before its preset is known. If all places are taken, but some by sessions that can be resumed, it is
    /// admitted too: it may resume one of them, and one that waits ends if it opens another.
    ///
    /// # Errors
    /// The caller can open no session, whatever preset it requests. The refusal is not recorded yet: see [`Refusal`].
    pub fn admit(self: &Arc<Self>, caller: Caller, protocol: Protocol) -> Result<Admitted, Failure> {
        let places = match self.admission.take_places(&caller) {
            Err(failure) if !is_full(&failure) || self.resumable.is_empty() => return Err(failure),
            places => places,
        };
        Ok(Admitted { sessions: Arc::clone(self), caller, protocol, places })
    }

    /// Takes the places of a session; if there are none, from one that waits for its client.
    fn take_places(&self, caller: &Caller) -> Result<Places, Failure> {
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
        let (sessions, caller, protocol) = (Arc::clone(&self.sessions), self.caller.clone(), self.protocol);
        let (id, preset) = (uuid::Uuid::new_v4().simple().to_string(), request.preset.clone());
        let opened = self.try_open(id.clone(), request).await;
        opened.map_err(|failure| {
            sessions.failures.note(FailureReport::of_request(&id, &preset, protocol.name, &caller, &failure));
            refuse(&sessions.metrics, &caller, protocol, Some((&id, &preset)), &failure);
            failure.for_client(&id)
        })
    }

    /// Admits the caller for one more session.
    ///
    /// # Errors
    /// As [`Sessions::admit`].
    pub fn another(&self) -> Result<Self, Failure> {
        self.sessions.admit(self.caller.clone(), self.protocol)
    }

    /// Records that the client is refused before it requested a session.
    pub fn refuse(&self, failure: &Failure) {
        refuse(&self.sessions.metrics, &self.caller, self.protocol, None, failure);
    }

    async fn try_open(self, id: String, request: SessionRequest) -> Result<(Session, SessionEvents), Failure> {
        let Self { sessions, caller, protocol, places } = self;
        let SessionRequest { preset, options, audio, pace } = request;
        caller.check_preset(&preset)?;
        let places = places.or_else(|_| sessions.take_places(&caller))?;
        sessions.wait_for_engine(&preset).await;
        let Opening { preset, scheduler, fields } = sessions.catalog.open(&preset, options).await?;
        sessions.admission.check(&preset.name, &scheduler, pace)?;
        let metadata = scheduler.metadata().clone();
        let intake =
            Intake::new(audio, metadata.sample_rate).map_err(|problem| Failure::new(FailureCode::BadAudio, problem))?;
        let permit = scheduler.take_place()?;
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
        let entry = Arc::new(Entry::new(&id, &preset, &caller, pace, &scheduler));
        let usage = Arc::<StreamUsage>::default();
        let failures = Arc::clone(&sessions.failures);
        let record = Arc::new(StreamRecord::new(Arc::clone(&entry), Arc::clone(&usage), protocol, failures));
        let (registry, metrics) = (Arc::clone(&sessions.registry), Arc::clone(&sessions.metrics));
        let lease = Lease::new(Arc::clone(&entry), Arc::clone(&record), places, registry, metrics, recorder);
        tracing::debug!(stream = id, preset = preset.name, "stream opened");
        let settings = StreamSettings { pace, ..sessions.stream.clone() };
        let stream = Stream::open(id.clone(), scheduler, (permit, record), fields, settings, usage);
        entry.opened(&stream);
        let shared = Arc::new(Shared { stream, lease, received: AtomicU64::new(0), acknowledged: AtomicU64::new(0) });
        let (preset, backend) = (preset.name.clone(), preset.backend.clone());
        let info = SessionInfo { id, preset, backend, metadata, audio };
        Ok((Session::new(Arc::clone(&shared), info, intake), SessionEvents::new(shared)))
    }
}

/// Whether all streams are taken that the server or the key may have.
fn is_full(failure: &Failure) -> bool {
    matches!(failure.code, FailureCode::Streams | FailureCode::KeyStreams)
}

/// Records a refusal; `request` is the id and the preset of a requested session.
fn refuse(metrics: &Metrics, caller: &Caller, protocol: Protocol, request: Option<(&str, &str)>, failure: &Failure) {
    let (peer, key, dialect) = (caller.address, caller.key_name(), Some(protocol.name));
    let (id, preset) = request.unzip();
    let stream = id.filter(|_| failure.detail.is_some());
    let answer = Some(protocol.codes.answer(Some(failure.code)));
    Refusal { failure, peer, key, dialect, stream, preset, answer }.record(metrics);
}
