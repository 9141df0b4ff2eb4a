//! The catalog: finds the loaded model of a preset. Each model is loaded once and shared.
//!
//! Streams share a model if the engine's file, all load fields and the way the model is run are the same. A model that
//! no preset uses any more is removed; its running streams keep it until they end. Threads: any; each model is loaded
//! on a thread of its own.

use super::presets::{Preset, PresetError, Presets};
use auricle_core::{Failure, FailureCode, metrics::Metrics, times::wait};
use auricle_engines::{
    Isolation, LoadSpec,
    plugins::{Engine, LoadError, Registry},
    worker::CrashReports,
};
use auricle_plugin_api::{Config, Schema, Scope};
use auricle_stream::{ModelScheduler, SchedulerSettings};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::{
    collections::{HashMap, HashSet},
    io,
    path::PathBuf,
    sync::{Arc, Mutex as SyncMutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};
use tokio::sync::{Mutex, oneshot};

/// The time after which a model that failed to load may be tried again.
const RETRY_AFTER: Duration = Duration::from_secs(5);
const PROGRESS_EVERY: Duration = Duration::from_secs(5);

/// How models are run, unless a preset overrides it.
#[derive(Debug, Clone)]
pub struct CatalogSettings {
    /// The program that runs as a worker.
    pub program: PathBuf,
    /// The ids of plugins whose engines run in the server's process.
    pub trusted: Vec<String>,
    /// The longest a call into an engine may take.
    pub call_limit: Duration,
    /// The longest a model may take to load.
    pub load_limit: Duration,
    /// The number of calls past the limit at which a model is refused.
    pub max_call_timeouts: u32,
    /// The number of streams of one model that may have a dedicated worker at a time.
    pub max_dedicated_workers: usize,
    /// The directory for crash reports.
    pub crash_reports: PathBuf,
    /// The number of crash reports to keep, the newest ones.
    pub max_crash_reports: usize,
}

/// Presets, engines and loaded models.
#[derive(Debug)]
pub struct Catalog {
    registry: Arc<Registry>,
    presets: Arc<Presets>,
    models: SyncMutex<HashMap<ModelKey, Arc<Mutex<ModelState>>>>,
    settings: CatalogSettings,
    reports: Arc<CrashReports>,
    metrics: Arc<Metrics>,
}

#[derive(Debug, Default)]
enum ModelState {
    #[default]
    Idle,
    Loaded(Arc<ModelScheduler>),
    Failed(Instant, Failure),
}

/// Why a model is not loaded.
#[derive(Debug, thiserror::Error)]
enum ModelError {
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    #[error("cannot start its threads: {0}")]
    Threads(io::Error),
    #[error("it did not load within {} s", .0.as_secs_f64())]
    Slow(Duration),
    #[error("the loading thread ended without a result")]
    Silent,
}

/// Identifies a shared model: the engine's file, the load fields, and the way the model is run.
#[derive(Debug, PartialEq, Eq, Hash)]
struct ModelKey {
    engine: String,
    /// The load fields with defaults, as JSON.
    fields: String,
    isolation: Isolation,
    sandbox: bool,
    memory_mb: Option<u64>,
    concurrency: usize,
    max_streams: Option<usize>,
    call_seconds: Option<u64>,
}

/// A valid preset with its engine.
struct Resolved {
    preset: Arc<Preset>,
    engine: Arc<Engine>,
}

/// The model and configuration of a new stream.
pub struct Opening {
    /// The preset.
    pub preset: Arc<Preset>,
    /// The loaded model.
    pub scheduler: Arc<ModelScheduler>,
    /// The complete configuration: the preset's fields, overridden by the client's options.
    pub fields: Map<String, Value>,
}

/// The state of a preset, for people and programs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PresetReport {
    /// The preset's name.
    pub name: String,
    /// A title for people.
    pub title: String,
    /// The engine's backend name; empty if the preset is invalid.
    pub backend: String,
    /// Whether streams can be opened.
    pub state: PresetState,
    /// Why the preset is unavailable, or why its current file is not used.
    pub reason: Option<String>,
    /// The fields that clients may set, as JSON Schemas.
    pub options: Map<String, Value>,
    /// The number of open streams on its model, which other presets may share.
    pub streams: usize,
}

/// Whether streams of a preset can be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PresetState {
    /// The first stream will load the model.
    Idle,
    /// The model is being loaded.
    Loading,
    /// The model is loaded.
    Ready,
    /// The preset, its engine or its model cannot be used.
    Unavailable,
}

impl Catalog {
    /// Creates a catalog without loaded models.
    pub fn new(
        registry: Arc<Registry>,
        presets: Arc<Presets>,
        settings: CatalogSettings,
        metrics: Arc<Metrics>,
    ) -> Self {
        let reports = Arc::new(CrashReports::new(settings.crash_reports.clone(), settings.max_crash_reports));
        Self { registry, presets, models: SyncMutex::default(), settings, reports, metrics }
    }

    /// The model and configuration for a stream on `preset` with the client's `options`. Loads the model if necessary.
    ///
    /// # Errors
    /// What the client or the operator must change.
    pub async fn open(&self, preset: &str, options: Map<String, Value>) -> Result<Opening, Failure> {
        let resolved = self.resolve(preset)?;
        let mut fields = resolved.preset.fields.clone();
        for (name, value) in options {
            if !resolved.preset.host.open.contains(&name) {
                let open = listed(resolved.preset.host.open.iter().cloned());
                let message = format!("option `{name}` is not open to clients in preset `{preset}`; open are: {open}");
                return Err(Failure::new(FailureCode::ForbiddenField, message));
            }
            fields.insert(name, value);
        }
        resolved.engine.check(&fields).map_err(|problem| {
            Failure::new(FailureCode::InvalidOption, problem.without_values()).with_detail(problem)
        })?;
        let scheduler = self.model(&resolved).await?;
        Ok(Opening { preset: resolved.preset, scheduler, fields })
    }

    /// The states of all presets, sorted by name. Only an operator gets the details of failures.
    pub fn report(&self, for_operator: bool) -> Vec<PresetReport> {
        let presets = self.presets.list().into_iter();
        presets.map(|(name, problem)| self.describe(name, problem, for_operator)).collect()
    }

    /// Call it after presets or engines have changed: logs what is wrong, starts preloads, removes models that no
    /// preset uses any more.
    pub fn refresh(self: &Arc<Self>) {
        let mut used = HashSet::new();
        for (name, _) in self.presets.list() {
            let resolved = match self.resolve(&name) {
                Ok(resolved) => resolved,
                Err(failure) => {
                    tracing::warn!(preset = name, "not available: {}", failure.explained());
                    continue;
                }
            };
            let unknown: Vec<_> = resolved.preset.unknown_fields(resolved.engine.schema()).collect();
            if !unknown.is_empty() {
                tracing::warn!(preset = name, "fields the engine does not list: {}", unknown.join(", "));
            }
            used.insert(self.model_key(&resolved));
            if resolved.preset.host.preload {
                let catalog = Arc::clone(self);
                // A failure is logged by `load_model`.
                tokio::spawn(async move { catalog.model(&resolved).await.is_ok() });
            }
        }
        self.models().retain(|key, _| used.contains(key));
    }

    fn resolve(&self, name: &str) -> Result<Resolved, Failure> {
        let unavailable = |message: String| Failure::new(FailureCode::EngineUnavailable, message);
        let preset = match self.presets.get(name) {
            Some(Ok(preset)) => preset,
            Some(Err(problem)) => return Err(unavailable(format!("preset `{name}` {problem}"))),
            None => {
                let names = listed(self.presets.list().into_iter().map(|(name, _)| name));
                let message = format!("there is no preset `{name}`; there are: {names}");
                return Err(Failure::new(FailureCode::UnknownPreset, message));
            }
        };
        let engine = self.registry.engine(&preset.backend).ok_or_else(|| {
            unavailable(format!("preset `{name}` needs the engine `{}`, which is not registered", preset.backend))
        })?;
        if let Some(reason) = engine.quarantined() {
            return Err(unavailable(format!("preset `{name}`: {reason}")));
        }
        preset
            .check_open_fields(engine.schema())
            .map_err(|problem| unavailable(format!("preset `{name}`: {problem}")))?;
        engine.check(&preset.fields).map_err(|problem| {
            unavailable(format!("preset `{name}`: {}", problem.without_values())).with_detail(problem)
        })?;
        Ok(Resolved { preset, engine })
    }

    fn describe(&self, name: String, problem: Option<Arc<PresetError>>, for_operator: bool) -> PresetReport {
        let explain = |failure: &Failure| if for_operator { failure.explained() } else { failure.message.clone() };
        let resolved = self.resolve(&name);
        let mut report = PresetReport {
            title: String::new(),
            backend: String::new(),
            state: PresetState::Unavailable,
            reason: problem.map(|problem| format!("the current file is not used: {problem}")),
            options: Map::new(),
            streams: 0,
            name,
        };
        let resolved = match resolved {
            Ok(resolved) => resolved,
            Err(failure) => {
                report.reason = Some(explain(&failure));
                return report;
            }
        };
        report.title.clone_from(&resolved.preset.host.title);
        report.backend.clone_from(&resolved.preset.backend);
        report.options = open_fields(&resolved.preset, resolved.engine.schema());
        let model = self.models().get(&self.model_key(&resolved)).cloned();
        report.state = match model.as_ref().map(|model| model.try_lock()) {
            None => PresetState::Idle,
            Some(Err(_)) => PresetState::Loading,
            Some(Ok(state)) => match &*state {
                ModelState::Idle => PresetState::Idle,
                ModelState::Failed(_, failure) => {
                    report.reason = Some(explain(failure));
                    PresetState::Unavailable
                }
                ModelState::Loaded(scheduler) => {
                    report.streams = scheduler.open_streams();
                    match scheduler.refused() {
                        None => PresetState::Ready,
                        Some(reason) => {
                            report.reason = Some(reason.to_owned());
                            PresetState::Unavailable
                        }
                    }
                }
            },
        };
        report
    }

    /// The loaded model of a preset. The first call loads it.
    async fn model(&self, resolved: &Resolved) -> Result<Arc<ModelScheduler>, Failure> {
        let model = Arc::clone(self.models().entry(self.model_key(resolved)).or_default());
        let mut state = Arc::clone(&model).lock_owned().await;
        match &*state {
            ModelState::Loaded(scheduler) => return Ok(Arc::clone(scheduler)),
            ModelState::Failed(at, failure) if at.elapsed() < RETRY_AFTER => return Err(failure.clone()),
            _ => {}
        }
        let (engine, name) = (Arc::clone(&resolved.engine), resolved.preset.name.clone());
        let load = self.load_spec(resolved);
        let settings = self.scheduler_settings(&resolved.preset);
        // In a separate task, so that loading continues if the client disconnects.
        let loading = tokio::spawn(async move {
            let result = load_model(engine, name, load, settings).await;
            *state = match &result {
                Ok(scheduler) => ModelState::Loaded(Arc::clone(scheduler)),
                Err(failure) => ModelState::Failed(Instant::now(), failure.clone()),
            };
            result
        });
        loading.await.unwrap_or_else(|error| {
            Err(Failure::new(FailureCode::EngineUnavailable, "loading the model was interrupted").with_detail(error))
        })
    }

    fn scheduler_settings(&self, preset: &Preset) -> SchedulerSettings {
        SchedulerSettings {
            name: preset.name.clone(),
            engine: preset.backend.clone(),
            concurrency: preset.host.concurrency,
            call_limit: self.call_limit(preset),
            max_call_timeouts: self.settings.max_call_timeouts,
            max_streams: preset.host.max_streams.unwrap_or(usize::MAX),
            max_dedicated_workers: self.settings.max_dedicated_workers,
        }
    }

    fn load_spec(&self, Resolved { preset, engine }: &Resolved) -> LoadSpec {
        LoadSpec {
            preset: preset.name.clone(),
            fields: load_fields(preset, engine.schema()),
            isolation: self.isolation(preset, engine),
            program: self.settings.program.clone(),
            lanes: preset.host.concurrency,
            call_limit: self.call_limit(preset),
            load_limit: self.settings.load_limit,
            memory_limit: preset.host.memory_mb.map(|mebibytes| mebibytes << 20),
            sandbox: preset.host.sandbox,
            reports: Arc::clone(&self.reports),
            metrics: Arc::clone(&self.metrics),
        }
    }

    fn call_limit(&self, preset: &Preset) -> Duration {
        preset.host.call_seconds.map_or(self.settings.call_limit, wait)
    }

    fn isolation(&self, preset: &Preset, engine: &Engine) -> Isolation {
        let trusted = self.settings.trusted.iter().any(|id| id == engine.plugin_id());
        preset.host.isolation.unwrap_or(if trusted { Isolation::InProcess } else { Isolation::UNTRUSTED })
    }

    fn model_key(&self, resolved: &Resolved) -> ModelKey {
        let schema = resolved.engine.schema();
        let fields = Config::with_defaults(load_fields(&resolved.preset, schema), schema);
        let loaded: Map<_, _> =
            fields.fields().iter().filter(|(name, _)| schema.scope(name) != Some(Scope::Stream)).collect_owned();
        let host = &resolved.preset.host;
        ModelKey {
            engine: resolved.engine.key.clone(),
            fields: Value::Object(loaded).to_string(),
            isolation: self.isolation(&resolved.preset, &resolved.engine),
            sandbox: host.sandbox,
            memory_mb: host.memory_mb,
            concurrency: host.concurrency,
            max_streams: host.max_streams,
            call_seconds: host.call_seconds.map(f64::to_bits),
        }
    }

    fn models(&self) -> MutexGuard<'_, HashMap<ModelKey, Arc<Mutex<ModelState>>>> {
        self.models.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The fields with which a model is loaded: all except stream fields.
fn load_fields(preset: &Preset, schema: &Schema) -> Map<String, Value> {
    preset.fields.iter().filter(|(name, _)| schema.scope(name) != Some(Scope::Stream)).collect_owned()
}

fn open_fields(preset: &Preset, schema: &Schema) -> Map<String, Value> {
    let properties = schema.json().get("properties").and_then(Value::as_object);
    let open = |(name, _): &(&String, &Value)| preset.host.open.contains(name);
    properties.into_iter().flatten().filter(open).collect_owned()
}

trait CollectOwned {
    fn collect_owned(self) -> Map<String, Value>;
}

impl<'a, I: Iterator<Item = (&'a String, &'a Value)>> CollectOwned for I {
    fn collect_owned(self) -> Map<String, Value> {
        self.map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

fn listed(names: impl Iterator<Item = String>) -> String {
    let names: Vec<_> = names.collect();
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

async fn load_model(
    engine: Arc<Engine>,
    preset: String,
    load: LoadSpec,
    settings: SchedulerSettings,
) -> Result<Arc<ModelScheduler>, Failure> {
    let unavailable = |problem: ModelError| {
        let message = format!("the model of preset `{preset}` cannot be served");
        let failure = Failure::new(FailureCode::EngineUnavailable, message).with_detail(problem);
        tracing::error!(preset, "{}", failure.explained());
        failure
    };
    tracing::info!(preset, engine = engine.plugin(), isolation = ?load.isolation, "loading model");
    let (begun, limit) = (Instant::now(), load.load_limit);
    let (done, mut loaded) = oneshot::channel();
    let loader = move || {
        let metrics = Arc::clone(&load.metrics);
        let result = engine
            .load(load)
            .map_err(ModelError::Load)
            .and_then(|model| ModelScheduler::start(model, settings, &metrics).map_err(ModelError::Threads));
        // After the time limit there is no receiver, and the model is dropped.
        let _ = done.send(result);
    };
    thread::Builder::new()
        .name(format!("{preset}-load"))
        .spawn(loader)
        .map_err(|error| unavailable(ModelError::Thread(error)))?;
    loop {
        let left = limit.saturating_sub(begun.elapsed());
        if left.is_zero() {
            return Err(unavailable(ModelError::Slow(limit)));
        }
        match tokio::time::timeout(left.min(PROGRESS_EVERY), &mut loaded).await {
            Ok(Ok(Ok(scheduler))) => {
                let metadata = scheduler.metadata();
                tracing::info!(
                    preset,
                    sample_rate = metadata.sample_rate,
                    chunk_samples = metadata.chunk_samples,
                    "model ready after {:.1} s",
                    begun.elapsed().as_secs_f64()
                );
                return Ok(scheduler);
            }
            Ok(Ok(Err(problem))) => return Err(unavailable(problem)),
            Ok(Err(_)) => return Err(unavailable(ModelError::Silent)),
            Err(_) => tracing::info!(preset, "still loading after {:.0} s", begun.elapsed().as_secs_f64()),
        }
    }
}
