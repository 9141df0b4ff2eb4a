//! The loaded models. Each model is loaded once and shared.
//!
//! Streams share a model if the engine's file, all load fields and the way the model is run are the same. Threads: any;
//! each model is loaded on a thread of its own.

use super::{preset::Preset, stage_list::StageEntry};
use auricle_core::{Failure, FailureCode, metrics::Metrics, one_line, times::wait};
use auricle_engines::{
    Isolation, LoadSpec,
    plugins::{Engine, LoadError, Registry, StageLoad},
    stages,
    worker::CrashReports,
};
use auricle_plugin_api::{Config, ErrorCode, Schema, Scope};
use auricle_stream::{ModelScheduler, SchedulerSettings};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
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

/// The loaded models, and how they are run.
#[derive(Debug)]
pub(super) struct Models {
    models: SyncMutex<HashMap<ModelKey, Arc<Mutex<ModelState>>>>,
    settings: CatalogSettings,
    reports: Arc<CrashReports>,
    metrics: Arc<Metrics>,
}

#[derive(Debug, Default)]
enum ModelState {
    #[default]
    Idle,
    Loaded {
        scheduler: Arc<ModelScheduler>,
        /// When a stream was last seen on it, or requested it.
        used: Instant,
    },
    Failed(Instant, Failure),
}

/// What is known of a model without waiting for it.
#[derive(Debug)]
pub(super) enum ModelStatus {
    /// The first stream will load it.
    Idle,
    /// It is being loaded.
    Loading,
    /// It is loaded and accepts streams.
    Ready(Arc<ModelScheduler>),
    /// It accepts no streams.
    Unusable(Failure),
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
pub(super) struct ModelKey {
    engine: String,
    /// The load fields with defaults, as JSON.
    fields: String,
    isolation: Isolation,
    sandbox: bool,
    memory_mb: Option<u64>,
    concurrency: usize,
    max_streams: Option<usize>,
    call_seconds: Option<u64>,
    /// As JSON.
    voice_gate: String,
}

/// A preset with its engine, checked.
#[derive(Debug, Clone)]
pub(super) struct Resolved {
    pub(super) preset: Arc<Preset>,
    pub(super) engine: Arc<Engine>,
    /// In the order of the preset.
    pub(super) stages: Vec<Arc<Engine>>,
}

impl Resolved {
    /// Finds the engine of a preset, and checks the preset against it.
    ///
    /// # Errors
    /// There is no such engine or stage, it cannot be used now, or it does not accept the preset.
    pub(super) fn new(preset: Arc<Preset>, registry: &Registry) -> Result<Self, Failure> {
        let name = &preset.name;
        let engine = preset.elsewhere.clone().or_else(|| registry.engine(&preset.backend)).ok_or_else(|| {
            unavailable(format!("preset `{name}` needs the engine `{}`, which is not registered", preset.backend))
        })?;
        if let Some(reason) = engine.unavailable() {
            return Err(unavailable(format!("preset `{name}`: {reason}")));
        }
        let stages = preset.stages.iter().map(|entry| {
            let stage = registry.stage(&entry.name).ok_or_else(|| {
                let wanted = one_line(&entry.name);
                unavailable(format!("preset `{name}` needs the stage `{wanted}`, which is not registered"))
            })?;
            if let Some(reason) = stage.unavailable() {
                return Err(unavailable(format!("preset `{name}`: {reason}")));
            }
            stage.check(&entry.fields).map_err(|problem| {
                let of = format!("preset `{name}`: stage `{}`", entry.name);
                unavailable(format!("{of}: {}", problem.without_values())).explained_as(format!("{of}: {problem}"))
            })?;
            Ok(stage)
        });
        let stages = stages.collect::<Result<Vec<_>, Failure>>()?;
        let schemas: Vec<_> = stages.iter().map(|stage| stage.schema()).collect();
        preset
            .check_open_fields(engine.schema(), &schemas)
            .map_err(|problem| unavailable(format!("preset `{name}`: {problem}")))?;
        engine.check(&preset.fields).map_err(|problem| {
            let explanation = format!("preset `{name}`: {problem}");
            unavailable(format!("preset `{name}`: {}", problem.without_values())).explained_as(explanation)
        })?;
        Ok(Self { preset, engine, stages })
    }

    /// A warning that lists fields which may be misspelt.
    pub(super) fn warning(&self) -> Option<String> {
        let of_stages = self.entries().filter_map(|(entry, stage)| {
            let unknown = entry.fields.keys().filter(|field| stage.schema().scope(field).is_none());
            let unknown: Vec<_> = unknown.map(one_line).collect();
            (!unknown.is_empty())
                .then(|| format!("fields the stage `{}` does not list: {}", entry.name, unknown.join(", ")))
        });
        let warnings: Vec<_> = self.preset.warning(self.engine.schema()).into_iter().chain(of_stages).collect();
        (!warnings.is_empty()).then(|| warnings.join("; "))
    }

    /// The key of the engine's file, with those of the stages.
    pub(super) fn files_key(&self) -> String {
        let keys = [&self.engine].into_iter().chain(&self.stages).map(|part| part.key.as_str());
        keys.collect::<Vec<_>>().join(" ")
    }

    /// The preset's stages.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&StageEntry, &Arc<Engine>)> {
        self.preset.stages.iter().zip(&self.stages)
    }

    /// The load fields of each stage.
    fn stage_loads(&self) -> Vec<StageLoad> {
        let load = |(entry, stage): (&StageEntry, &Arc<Engine>)| StageLoad {
            stage: Arc::clone(stage),
            fields: load_fields(&entry.fields, stage.schema()),
        };
        self.entries().map(load).collect()
    }

    /// Tells versions of a preset apart, on any machine: the files of the engine and the stages, their fields, and the voice gate.
    pub(super) fn identity(&self) -> String {
        let fields = Value::Object(self.preset.fields.clone());
        let of_stages =
            stages::list(self.preset.stages.iter().map(|entry| (entry.name.as_str(), entry.fields.clone())));
        let gate = gate_text(&self.preset);
        hex::encode(Sha256::digest(format!("{}\n{fields}\n{of_stages}\n{gate}", self.files_key())))
    }
}

impl Models {
    pub(super) fn new(settings: CatalogSettings, metrics: Arc<Metrics>) -> Self {
        let reports = Arc::new(CrashReports::new(settings.crash_reports.clone(), settings.max_crash_reports));
        Self { models: SyncMutex::default(), settings, reports, metrics }
    }

    /// The loaded model of a preset. The first call loads it. If that fails, one call logs it, unless `is_candidate`: the
    /// failure of a candidate is logged with its consequence.
    pub(super) async fn get(&self, resolved: &Resolved, is_candidate: bool) -> Result<Arc<ModelScheduler>, Failure> {
        let model = Arc::clone(self.lock().entry(self.key(resolved)).or_default());
        let mut state = Arc::clone(&model).lock_owned().await;
        match &mut *state {
            ModelState::Loaded { scheduler, used } => {
                *used = Instant::now();
                return Ok(Arc::clone(scheduler));
            }
            ModelState::Failed(at, failure) if at.elapsed() < RETRY_AFTER => return Err(failure.clone()),
            _ => {}
        }
        let (engine, preset) = (Arc::clone(&resolved.engine), resolved.preset.name.clone());
        let (load, stages) = (self.load_spec(resolved), resolved.stage_loads());
        let settings = self.scheduler_settings(&resolved.preset);
        // In a separate task, so that loading continues if the client disconnects.
        let loading = tokio::spawn(async move {
            let result = load_model(engine, &preset, load, stages, settings).await;
            *state = match &result {
                Ok(scheduler) => ModelState::Loaded { scheduler: Arc::clone(scheduler), used: Instant::now() },
                Err(failure) => {
                    if !is_candidate {
                        tracing::error!(preset, "{}", failure.explained());
                    }
                    ModelState::Failed(Instant::now(), failure.clone())
                }
            };
            result
        });
        loading.await.unwrap_or_else(|error| Err(unavailable("loading the model was interrupted").with_detail(error)))
    }

    pub(super) fn status(&self, key: &ModelKey) -> ModelStatus {
        let model = self.lock().get(key).cloned();
        match model.as_ref().map(|model| model.try_lock()) {
            None => ModelStatus::Idle,
            Some(Err(_)) => ModelStatus::Loading,
            Some(Ok(state)) => match &*state {
                ModelState::Idle => ModelStatus::Idle,
                ModelState::Failed(_, failure) => ModelStatus::Unusable(failure.clone()),
                ModelState::Loaded { scheduler, .. } => match scheduler.refused() {
                    None => ModelStatus::Ready(Arc::clone(scheduler)),
                    Some(reason) => ModelStatus::Unusable(unavailable(reason)),
                },
            },
        }
    }

    /// Removes a model.
    pub(super) fn remove(&self, key: &ModelKey) {
        self.lock().remove(key);
    }

    /// Removes all models but these. Running streams keep theirs until they end.
    pub(super) fn retain(&self, used: &HashSet<ModelKey>) {
        self.lock().retain(|key, _| used.contains(key));
    }

    /// Removes the models that had no stream for their time in `limits`.
    pub(super) fn remove_idle(&self, limits: &HashMap<ModelKey, Duration>) {
        let mut idle = Vec::new();
        self.lock().retain(|key, model| {
            // While it is being loaded, it is locked.
            let Ok(mut state) = model.try_lock() else { return true };
            let ModelState::Loaded { scheduler, used } = &mut *state else { return true };
            if scheduler.open_streams() > 0 {
                *used = Instant::now();
            }
            let is_idle = limits.get(key).is_some_and(|limit| used.elapsed() >= *limit);
            if is_idle {
                idle.push(Arc::clone(scheduler));
            }
            !is_idle
        });
        for scheduler in idle {
            tracing::info!(preset = scheduler.name(), "model unloaded: no stream used it for `unload_seconds`");
        }
    }

    pub(super) fn key(&self, resolved: &Resolved) -> ModelKey {
        let schema = resolved.engine.schema();
        let fields = Config::with_defaults(load_fields(&resolved.preset.fields, schema), schema);
        let loaded = owned(fields.fields().iter().filter(|(name, _)| schema.scope(name) != Some(Scope::Stream)));
        let mut fields = Value::Object(loaded).to_string();
        if !resolved.stages.is_empty() {
            let loads = resolved.stage_loads();
            let loads =
                loads.into_iter().map(|load| (load.stage.backend().to_owned(), load.fields)).collect::<Vec<_>>();
            fields += &stages::list(loads.iter().map(|(name, fields)| (name.as_str(), fields.clone()))).to_string();
        }
        let host = &resolved.preset.host;
        ModelKey {
            engine: resolved.files_key(),
            fields,
            isolation: self.isolation(&resolved.preset, &resolved.engine),
            sandbox: host.sandbox,
            memory_mb: host.memory_mb,
            concurrency: host.concurrency,
            max_streams: host.max_streams,
            call_seconds: host.call_seconds.map(f64::to_bits),
            voice_gate: gate_text(&resolved.preset),
        }
    }

    fn scheduler_settings(&self, preset: &Preset) -> SchedulerSettings {
        SchedulerSettings {
            name: preset.name.clone(),
            engine: preset.backend.clone(),
            // Known when they are read.
            files: String::new(),
            concurrency: preset.host.concurrency,
            call_limit: self.call_limit(preset),
            max_call_timeouts: self.settings.max_call_timeouts,
            max_streams: preset.host.max_streams.unwrap_or(usize::MAX),
            max_dedicated_workers: self.settings.max_dedicated_workers,
        }
    }

    fn load_spec(&self, Resolved { preset, engine, .. }: &Resolved) -> LoadSpec {
        LoadSpec {
            preset: preset.name.clone(),
            fields: load_fields(&preset.fields, engine.schema()),
            isolation: self.isolation(preset, engine),
            program: self.settings.program.clone(),
            lanes: preset.host.concurrency,
            call_limit: self.call_limit(preset),
            load_limit: self.settings.load_limit,
            memory_limit: preset.host.memory_mb.map(|mebibytes| mebibytes << 20),
            sandbox: preset.host.sandbox,
            voice_gate: preset.host.voice_gate,
            reports: Arc::clone(&self.reports),
            metrics: Arc::clone(&self.metrics),
        }
    }

    fn call_limit(&self, preset: &Preset) -> Duration {
        preset.host.call_seconds.map_or(self.settings.call_limit, wait)
    }

    fn isolation(&self, preset: &Preset, engine: &Engine) -> Isolation {
        let trusted = self.settings.trusted.iter().any(|id| id == engine.plugin_id());
        let inside = trusted && preset.host.needs_worker().is_none();
        preset.host.isolation.unwrap_or(if inside { Isolation::InProcess } else { Isolation::UNTRUSTED })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ModelKey, Arc<Mutex<ModelState>>>> {
        self.models.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The failure of a preset, an engine or a model that cannot be used.
pub(super) fn unavailable(message: impl Into<String>) -> Failure {
    Failure::new(FailureCode::EngineUnavailable, message.into())
}

/// A preset's voice gate as JSON; empty if it has none.
pub(super) fn gate_text(preset: &Preset) -> String {
    preset.host.voice_gate.and_then(|gate| serde_json::to_string(&gate).ok()).unwrap_or_default()
}

/// The fields with which a model is loaded: all except stream fields.
fn load_fields(fields: &Map<String, Value>, schema: &Schema) -> Map<String, Value> {
    owned(fields.iter().filter(|(name, _)| schema.scope(name) != Some(Scope::Stream)))
}

/// The text with each path reduced to the name of its file.
fn without_paths(text: &str) -> String {
    text.split(' ').map(|word| word.rsplit(['/', '\\']).next().unwrap_or_default()).collect::<Vec<_>>().join(" ")
}

/// Collects fields.
pub(super) fn owned<'a>(fields: impl Iterator<Item = (&'a String, &'a Value)>) -> Map<String, Value> {
    fields.map(|(name, value)| (name.clone(), value.clone())).collect()
}

async fn load_model(
    engine: Arc<Engine>,
    preset: &str,
    load: LoadSpec,
    stages: Vec<StageLoad>,
    settings: SchedulerSettings,
) -> Result<Arc<ModelScheduler>, Failure> {
    let failed = |problem: ModelError| {
        let message = format!("the model of preset `{preset}` cannot be served");
        let explanation = format!("{message}: {problem}");
        match problem {
            // What is wrong with the model's files helps the client's user too.
            ModelError::Load(LoadError::Engine(error)) if error.code == ErrorCode::MODEL => {
                unavailable(format!("{message}: {}", without_paths(&error.message))).explained_as(explanation)
            }
            _ => unavailable(message).explained_as(explanation),
        }
    };
    tracing::info!(preset, engine = engine.plugin(), isolation = ?load.isolation, "loading model");
    let (begun, limit) = (Instant::now(), load.load_limit);
    let (done, mut loaded) = oneshot::channel();
    let loader = move || {
        let metrics = Arc::clone(&load.metrics);
        // Before they are read: if they are replaced meanwhile, they count as others.
        let settings = SchedulerSettings { files: engine.files_of(&load.fields), ..settings };
        let result = engine
            .load(load, &stages)
            .map_err(ModelError::Load)
            .and_then(|model| ModelScheduler::start(model, settings, &metrics).map_err(ModelError::Threads));
        // After the time limit there is no receiver, and the model is dropped.
        let _ = done.send(result);
    };
    thread::Builder::new()
        .name(format!("{preset}-load"))
        .spawn(loader)
        .map_err(|error| failed(ModelError::Thread(error)))?;
    loop {
        let left = limit.saturating_sub(begun.elapsed());
        if left.is_zero() {
            return Err(failed(ModelError::Slow(limit)));
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
            Ok(Ok(Err(problem))) => return Err(failed(problem)),
            Ok(Err(_)) => return Err(failed(ModelError::Silent)),
            Err(_) => tracing::info!(preset, "still loading after {:.0} s", begun.elapsed().as_secs_f64()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_reduced_to_names() {
        let text = "/srv/models/m/model.onnx: a Git LFS pointer; `git lfs pull` fetches the file";
        assert_eq!(without_paths(text), "model.onnx: a Git LFS pointer; `git lfs pull` fetches the file");
        assert_eq!(without_paths("cannot read C:\\models\\x.bin"), "cannot read x.bin");
    }
}
