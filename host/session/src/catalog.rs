//! The catalog: finds the version of a preset that new streams get, and its loaded model.
//!
//! Invariant: a changed preset never leaves clients without one that worked. The changed version is a candidate: it is
//! checked at once, and takes over when its model is loaded, beside the model in service. If that one is not loaded,
//! the first stream loads the candidate's, and the version in service serves that stream if this fails. Streams that
//! run keep their model. Threads: any; a task for each candidate that is being loaded.

use super::{
    models::{CatalogSettings, ModelKey, ModelStatus, Models, Resolved, gate_text, unavailable},
    names_only, own_fields,
    preset::Preset,
    presets::Presets,
    report::{PresetReport, describe},
    room, stage_list,
    versions::Stage,
};
use auricle_core::{Failure, FailureCode, Warning, metrics::Metrics, times::wait};
use auricle_engines::{
    plugins::{ConfigError, Registry},
    stages,
};
use auricle_stream::ModelScheduler;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

/// Time between two checks whether there is room for a candidate.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Presets, engines and loaded models.
#[derive(Debug)]
pub struct Catalog {
    registry: Arc<Registry>,
    presets: Arc<Presets>,
    models: Models,
}

/// The model and configuration of a new stream.
pub struct Opening {
    /// The preset.
    pub preset: Arc<Preset>,
    /// The loaded model.
    pub scheduler: Arc<ModelScheduler>,
    /// The complete configuration: the preset's fields, overridden by the client's options.
    pub fields: Map<String, Value>,
    /// Tells whether two streams have the same engine, model files, voice gate and configuration.
    pub fingerprint: String,
    /// The same of the preset alone and without the model's files, so that it is equal on other machines.
    pub identity: String,
    /// What the client asks for and does not get.
    pub warnings: Vec<Warning>,
}

impl Catalog {
    /// Creates a catalog without loaded models.
    pub fn new(
        registry: Arc<Registry>,
        presets: Arc<Presets>,
        settings: CatalogSettings,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { registry, presets, models: Models::new(settings, metrics) }
    }

    /// The model and configuration for a stream on `preset` with the client's `options`. Loads the model if necessary.
    ///
    /// # Errors
    /// What the client or the operator must change.
    pub async fn open(self: &Arc<Self>, preset: &str, mut options: Map<String, Value>) -> Result<Opening, Failure> {
        let resolved = self.choose(preset).await?;
        let mut fields = resolved.preset.fields.clone();
        let asked = own_fields::translate(&mut options, &resolved.preset, resolved.engine.schema())?;
        let is_open = |name: &str| own_fields::is_open(&resolved.preset.host.open, resolved.engine.schema(), name);
        if let Some(name) = options.keys().find(|name| !is_open(name)) {
            let open = listed(resolved.preset.host.open.iter().cloned());
            let message = format!("option `{name}` is not open to clients in preset `{preset}`; open are: {open}");
            return Err(Failure::new(FailureCode::ForbiddenField, message));
        }
        names_only::check(&options)?;
        let of_stages = stage_list::merge(&resolved.preset.stages, &mut options);
        fields.extend(options);
        resolved.engine.check(&fields).map_err(|problem| {
            Failure::new(FailureCode::InvalidOption, problem.without_values()).explained_as(problem)
        })?;
        for ((entry, stage), fields) in resolved.entries().zip(&of_stages) {
            let of = format!("stage `{}`", entry.name);
            stage.check(fields).map_err(|problem| {
                let message = format!("{of}: {}", problem.without_values());
                Failure::new(FailureCode::InvalidOption, message).explained_as(format!("{of}: {problem}"))
            })?;
        }
        if !of_stages.is_empty() {
            let names = resolved.preset.stages.iter().map(|entry| entry.name.as_str());
            fields.insert(stages::STAGES.to_owned(), stages::list(names.zip(of_stages)));
        }
        let scheduler = self.models.get(&resolved, false).await?;
        let warnings = asked.check(&resolved.preset, scheduler.metadata())?;
        let files = format!("{}{}", scheduler.files(), gate_text(&resolved.preset));
        let fingerprint = fingerprint(&resolved.files_key(), &files, &fields);
        let identity = resolved.identity();
        Ok(Opening { preset: resolved.preset, scheduler, fields, fingerprint, identity, warnings })
    }

    /// Loads the model of a preset, whose newest version takes over if it can be used.
    ///
    /// # Errors
    /// No version can be used.
    pub(super) async fn load(self: &Arc<Self>, preset: &str) -> Result<(), Failure> {
        let resolved = self.choose(preset).await?;
        self.models.get(&resolved, false).await.map(drop)
    }

    /// The names of the registered engines, sorted.
    pub(super) fn backends(&self) -> Vec<String> {
        self.registry.backends()
    }

    /// The version of a preset that new streams get, with its engine. `None` if it cannot be used.
    pub(super) fn resolved(&self, preset: &str) -> Option<Resolved> {
        let versions = self.presets.versions(preset)?;
        let preset = versions.service.or_else(|| versions.candidate?.preset)?;
        Resolved::new(preset, &self.registry).ok()
    }

    /// The loaded model of the version in service; `None` if it is not loaded now.
    pub fn loaded(&self, preset: &str) -> Option<Arc<ModelScheduler>> {
        let service = self.presets.versions(preset)?.service?;
        match self.status(&Resolved::new(service, &self.registry))? {
            ModelStatus::Ready(model) => Some(model),
            _ => None,
        }
    }

    /// Whether there is such a preset, and no version of it has its engine.
    pub(super) fn lacks_engine(&self, preset: &str) -> bool {
        let Some(versions) = self.presets.versions(preset) else { return false };
        let candidate = versions.candidate.and_then(|candidate| candidate.preset);
        let mut versions = versions.service.into_iter().chain(candidate).peekable();
        let lacks = |preset: Arc<Preset>| preset.elsewhere.is_none() && self.registry.engine(&preset.backend).is_none();
        versions.peek().is_some() && versions.all(lacks)
    }

    /// What is wrong with the fields of a preset, for its engine.
    pub(super) fn field_problem(&self, preset: &Preset) -> Option<ConfigError> {
        self.registry.engine(&preset.backend)?.check(&preset.fields).err()
    }

    /// The states of all presets, sorted by name. Only an operator gets the details of failures.
    pub fn report(&self, for_operator: bool) -> Vec<PresetReport> {
        let names = self.presets.names().into_iter();
        let versions = names.filter_map(|name| Some((self.presets.versions(&name)?, name)));
        versions.map(|(versions, name)| describe(name, versions, &self.registry, &self.models, for_operator)).collect()
    }

    /// Call it after presets or engines have changed: checks candidates, logs what is wrong, loads what is to be loaded
    /// now, removes models that no preset uses any more.
    pub fn refresh(self: &Arc<Self>) {
        for name in self.presets.names() {
            let Some((service, pending)) = self.review(&name) else { continue };
            match (service, pending) {
                (service, Some(candidate)) => {
                    let waits_for_stream = matches!(self.status(&service), Some(ModelStatus::Idle));
                    if !waits_for_stream || candidate.preset.host.preload {
                        self.start_loading(candidate);
                    }
                }
                (Ok(service), None) if service.preset.host.preload => self.preload(service),
                _ => {}
            }
        }
        self.remove_unused();
    }

    /// The version for a new stream. A candidate is loaded first if the model of the version in service is not loaded.
    async fn choose(self: &Arc<Self>, name: &str) -> Result<Resolved, Failure> {
        let (service, pending) = self.review(name).ok_or_else(|| self.unknown(name))?;
        let Some(candidate) = pending else { return service };
        if let Some(ModelStatus::Ready(_) | ModelStatus::Loading) = self.status(&service) {
            self.start_loading(candidate);
            return service;
        }
        self.presets.update(name, |versions| versions.start_loading(&candidate.preset));
        // In a separate task, so that the candidate takes over even if the client disconnects.
        let attempt = tokio::spawn(Arc::clone(self).load_candidate(candidate));
        // A panic is already logged.
        let _ = attempt.await;
        self.review(name).map_or_else(|| Err(self.unknown(name)), |(service, _)| service)
    }

    /// Checks the versions of a preset, and lets a candidate take over for which nothing has to be loaded. Returns the
    /// version in service, and the candidate whose model must be loaded before it takes over. `None` if there is no
    /// such preset.
    fn review(&self, name: &str) -> Option<(Result<Resolved, Failure>, Option<Resolved>)> {
        let versions = self.presets.versions(name)?;
        let service = versions.service.clone().map(|preset| Resolved::new(preset, &self.registry));
        let problem = service.as_ref().and_then(|service| service.as_ref().err());
        // Few calls change anything; the others need no exclusive access.
        if versions.problem.as_ref() != problem {
            self.presets.update(name, |versions| versions.note_problem(name, problem.cloned()));
        }
        let Some(candidate) = versions.candidate else { return Some((service?, None)) };
        let or_service = |failure: &Failure| service.clone().unwrap_or_else(|| Err(failure.clone()));
        let preset = match (&candidate.preset, &candidate.stage) {
            (Some(preset), _) => preset,
            (None, Stage::Refused { reason, .. }) => return Some((or_service(reason), None)),
            (None, _) => return Some((or_service(&unavailable("the preset's file is broken")), None)),
        };
        let resolved = match Resolved::new(Arc::clone(preset), &self.registry) {
            Ok(resolved) => resolved,
            Err(failure) => {
                self.presets.update(name, |versions| versions.refuse(preset, failure.clone(), None));
                return Some((or_service(&failure), None));
            }
        };
        if let Stage::Refused { reason, tried: Some(engine) } = &candidate.stage
            && *engine == resolved.engine.key
        {
            return Some((or_service(reason), None));
        }
        if self.presets.update(name, |versions| versions.passed(preset)) == Some(true)
            && let Some(warning) = resolved.warning()
        {
            tracing::warn!(preset = name, "{warning}");
        }
        let has_same_model = |service: &Resolved| self.models.key(service) == self.models.key(&resolved);
        match service {
            Some(service) if !service.as_ref().is_ok_and(has_same_model) => Some((service, Some(resolved))),
            _ => {
                self.presets.update(name, |versions| versions.take_over(preset));
                Some((Ok(resolved), None))
            }
        }
    }

    /// The status of the model in service. `None` if the version in service has no engine that accepts it.
    fn status(&self, service: &Result<Resolved, Failure>) -> Option<ModelStatus> {
        service.as_ref().ok().map(|service| self.models.status(&self.models.key(service)))
    }

    /// Loads the model of a preset in service in a task of its own.
    fn preload(self: &Arc<Self>, service: Resolved) {
        let catalog = Arc::clone(self);
        // A failure is already logged.
        tokio::spawn(async move { catalog.models.get(&service, false).await.is_ok() });
    }

    /// Loads the model of a candidate in a task of its own, unless another call has done so.
    fn start_loading(self: &Arc<Self>, candidate: Resolved) {
        let preset = candidate.preset;
        if self.presets.update(&preset.name, |versions| versions.start_loading(&preset)) == Some(true) {
            tokio::spawn(Arc::clone(self).load_beside(preset));
        }
    }

    /// Loads the model of a candidate beside the model in service, when there is room for both.
    async fn load_beside(self: Arc<Self>, preset: Arc<Preset>) {
        let candidate = loop {
            let Some((service, Some(candidate))) = self.review(&preset.name) else { return };
            if !Arc::ptr_eq(&candidate.preset, &preset) {
                return;
            }
            let waits = match self.make_room(service, &candidate).await {
                Ok(true) => break candidate,
                Ok(false) => None,
                Err(reason) => Some(reason),
            };
            self.presets.update(&preset.name, |versions| versions.wait(&preset, waits));
            tokio::time::sleep(LOOK_EVERY).await;
        };
        self.presets.update(&preset.name, |versions| versions.wait(&preset, None));
        self.load_candidate(candidate).await;
    }

    /// Whether the model of a candidate can be loaded now; not while the model in service is being loaded, because its
    /// size is unknown. If there is no room, a model in service without streams is unloaded.
    ///
    /// # Errors
    /// Why there is no room.
    async fn make_room(&self, service: Result<Resolved, Failure>, candidate: &Resolved) -> Result<bool, String> {
        let Ok(service) = service else { return Ok(true) };
        let (key, own) = (self.models.key(&service), self.models.key(candidate));
        let model = match (self.models.status(&key), self.models.status(&own)) {
            (ModelStatus::Loading, _) => return Ok(false),
            (ModelStatus::Ready(model), ModelStatus::Idle | ModelStatus::Unusable(_)) => model,
            // There is no model in service, or another preset has the candidate's.
            _ => return Ok(true),
        };
        let (streams, memory_mb) = (model.open_streams(), candidate.preset.host.memory_mb);
        // It reads files, and may wait for a worker to start.
        let room = tokio::task::spawn_blocking(move || room::check(&model, memory_mb));
        // A panic is already logged.
        let Ok(Err(problem)) = room.await else { return Ok(true) };
        if self.is_shared(&service.preset.name, &key) {
            return Err(format!("{problem}, and other presets use the model in service"));
        }
        if streams > 0 {
            return Err(format!("{problem}; it will be loaded when the streams of that model have ended"));
        }
        self.models.remove(&key);
        Ok(true)
    }

    /// Loads the model of a candidate. Then the candidate takes over, or is refused.
    async fn load_candidate(self: Arc<Self>, candidate: Resolved) {
        let preset = &candidate.preset;
        let result = self.models.get(&candidate, true).await;
        self.presets.update(&preset.name, |versions| match result {
            Ok(_) => versions.take_over(preset),
            Err(failure) if versions.is_pending(preset) => {
                versions.refuse(preset, failure, Some(candidate.engine.key.clone()));
            }
            Err(_) => {}
        });
        // It may have to be loaded again, if it was removed to make room.
        if let Some((Ok(service), _)) = self.review(&preset.name)
            && service.preset.host.preload
        {
            self.preload(service);
        }
        self.remove_unused();
    }

    /// Whether another preset uses the model.
    fn is_shared(&self, name: &str, key: &ModelKey) -> bool {
        let others = self.presets.names().into_iter().filter(|other| other != name);
        others.flat_map(|other| self.keys(&other)).any(|other| other == *key)
    }

    fn remove_unused(&self) {
        let used: HashSet<_> = self.presets.names().iter().flat_map(|name| self.keys(name)).collect();
        self.models.retain(&used);
    }

    /// The models that a preset uses: that of the version in service, and that of a candidate which is not refused.
    fn keys(&self, name: &str) -> Vec<ModelKey> {
        let versions = self.presets.versions(name).unwrap_or_default();
        let pending = versions.candidate.filter(|candidate| !matches!(candidate.stage, Stage::Refused { .. }));
        let presets = versions.service.into_iter().chain(pending.and_then(|candidate| candidate.preset));
        presets.filter_map(|preset| Some(self.models.key(&Resolved::new(preset, &self.registry).ok()?))).collect()
    }

    /// Call it now and then: unloads the models that no stream used for the time that their presets name.
    pub fn unload_idle(&self) {
        let services = self.presets.names().into_iter().filter_map(|name| self.presets.versions(&name)?.service);
        let services: Vec<_> = services.collect();
        if services.iter().all(|preset| preset.host.unload_seconds.is_none()) {
            return;
        }
        // A model that several presets share stays as long as one of them wants it to.
        let mut limits = HashMap::new();
        for preset in services {
            let limit = preset.host.unload_seconds.map_or(Duration::MAX, wait);
            if let Ok(resolved) = Resolved::new(preset, &self.registry) {
                let longest: &mut Duration = limits.entry(self.models.key(&resolved)).or_default();
                *longest = limit.max(*longest);
            }
        }
        self.models.remove_idle(&limits);
    }

    fn unknown(&self, name: &str) -> Failure {
        let names = listed(self.presets.names().into_iter());
        Failure::new(FailureCode::UnknownPreset, format!("there is no preset `{name}`; there are: {names}"))
    }
}

/// Tells engines, models and configurations apart. The key of an engine has the hash of its file; `files` identifies the
/// model's and the voice gate.
fn fingerprint(engine: &str, files: &str, fields: &Map<String, Value>) -> String {
    let fields = Value::from(fields.clone()).to_string();
    hex::encode(Sha256::digest(format!("{engine}\n{files}\n{fields}")))
}

fn listed(names: impl Iterator<Item = String>) -> String {
    let names: Vec<_> = names.collect();
    if names.is_empty() { "none".into() } else { names.join(", ") }
}
