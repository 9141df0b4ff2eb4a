//! All sessions of a server: admits callers, and knows what they may use. Every protocol uses this entry point.
//!
//! Threads: any.

use super::{
    AdmissionSettings, Admitted, Caller, Catalog, Journal, ModelNames, Preset, Presets, Protocol, SessionRegistry,
    admission::Admission,
    admitted::is_full,
    failures::RecentFailures,
    loaded::LoadedPresets,
    own_fields,
    resume::{Resumable, ResumeSettings},
};
use auricle_cluster::EngineHosts;
use auricle_core::{AudioFormat, Failure, FailureCode, Pace, metrics::Metrics};
use auricle_engines::plugins::FirstScan;
use auricle_stream::StreamSettings;
use serde_json::{Map, Value};
use std::{
    io,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};
use tokio::{sync::watch, time::sleep};
use tokio_util::sync::CancellationToken;

/// Time between two looks for an engine that is still being probed.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A client's request for a session.
#[derive(Debug, Clone)]
pub struct SessionRequest {
    /// The preset's name.
    pub preset: String,
    /// Stream fields, which the preset must open to clients.
    pub options: Map<String, Value>,
    /// The format of the client's audio.
    pub audio: AudioFormat,
    /// Whether each channel has a stream, if there are several. Otherwise they are mixed.
    pub multichannel: bool,
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
    pub(super) catalog: Arc<Catalog>,
    pub(super) presets: Arc<Presets>,
    pub(super) registry: Arc<SessionRegistry>,
    pub(super) failures: Arc<RecentFailures>,
    pub(super) admission: Admission,
    pub(super) journal: Option<Arc<Journal>>,
    /// The limits of each stream. The client's request replaces the pace.
    pub(super) stream: StreamSettings,
    pub(super) metrics: Arc<Metrics>,
    first_scan: watch::Receiver<FirstScan>,
    stopping: CancellationToken,
    /// When the open sessions are finished, once the server stops.
    finished_at: OnceLock<Instant>,
    names: ModelNames,
    pub(super) loaded: LoadedPresets,
    pub(super) resumable: Arc<Resumable>,
    /// On a front.
    engine_hosts: Option<Arc<EngineHosts>>,
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
            finished_at: OnceLock::new(),
            names: ModelNames::default(),
            loaded: LoadedPresets::default(),
            resumable: Arc::default(),
            engine_hosts: None,
        }
    }

    /// Sets the presets for the model names of clients.
    #[must_use]
    pub fn with_names(self, names: ModelNames) -> Self {
        Self { names, ..self }
    }

    /// Sets how sessions wait for clients that resume them.
    ///
    /// # Errors
    /// The directory of stored points cannot be used.
    pub fn with_resume(self, settings: ResumeSettings) -> io::Result<Self> {
        Ok(Self { resumable: Arc::new(Resumable::new(settings)?), ..self })
    }

    /// Sets the engine hosts, whose presets this front has.
    #[must_use]
    pub fn with_engine_hosts(self, engine_hosts: Option<Arc<EngineHosts>>) -> Self {
        Self { engine_hosts, ..self }
    }

    /// The engine hosts of a front.
    pub fn engine_hosts(&self) -> Option<&Arc<EngineHosts>> {
        self.engine_hosts.as_ref()
    }

    pub(super) fn resumable(&self) -> &Arc<Resumable> {
        &self.resumable
    }

    /// Waits until the preset's engine is registered, but not longer than the first scan of the plugin directories takes.
    pub(super) async fn wait_for_engine(&self, preset: &str) {
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

    /// Refuses all new sessions from now on. The open ones go on for a while, and are told so.
    pub fn stop(&self, drain: Duration) {
        // The first call counts. What is too far away is never.
        if let Some(at) = Instant::now().checked_add(drain) {
            self.finished_at.get_or_init(|| at);
        }
        if let Some(store) = self.resumable.store() {
            store.keep_all();
        }
        self.stopping.cancel();
    }

    /// Waits until the points of streams that the next server may continue are stored.
    pub async fn settled(&self) {
        if let Some(store) = self.resumable.store() {
            store.settle().await;
        }
    }

    /// Waits until the server stops. Returns the time until it finishes its open sessions.
    pub async fn going_away(&self) -> Duration {
        self.stopping.cancelled().await;
        self.finished_at.get().map_or(Duration::MAX, |at| at.saturating_duration_since(Instant::now()))
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

    /// Whether clients of a preset may send a stream field. False if there is no such preset.
    pub fn opens(&self, preset: &str, field: &str) -> bool {
        match self.catalog.resolved(preset) {
            Some(resolved) => own_fields::takes(&resolved.preset, resolved.engine.schema(), field),
            None => self.preset(preset).is_some_and(|preset| preset.host.open.iter().any(|name| name == field)),
        }
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

    /// Admits a caller, before its preset is known. If all places are taken, but it may have a session to
    /// resume, it is admitted too; if it opens another, one that waits ends.
    ///
    /// # Errors
    /// The caller can open no session, whatever preset it requests. The refusal is not recorded yet: see [`Refusal`](crate::Refusal).
    pub fn admit(self: &Arc<Self>, caller: Caller, protocol: Protocol) -> Result<Admitted, Failure> {
        if let Some(hosts) = &self.engine_hosts
            && !hosts.is_any_connected()
            && self.presets.names().is_empty()
        {
            let message = "no engine host is available; try again later";
            return Err(Failure::new(FailureCode::EngineUnavailable, message));
        }
        let places = match self.admission.take_places(&caller) {
            Err(failure) if !is_full(&failure) || !self.resumable.may_have(caller.key_name()) => return Err(failure),
            places => places,
        };
        Ok(Admitted { sessions: Arc::clone(self), caller, protocol, places })
    }
}
