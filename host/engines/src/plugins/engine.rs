//! A loaded plugin and its engines. The server calls plugin code only through this file.
//!
//! The child process that probed the plugin has reported its engines. The library is opened in this process only when a
//! model is loaded here. Threads: any.

use super::{
    elsewhere::Elsewhere,
    error::PluginError,
    kind::Kind,
    probe::{ProbeReport, examine, needed_files},
    scan::{FOLDER_DEPTH, Fingerprint},
};
use crate::{
    library::{LibraryError, find_library, open_library},
    load::{Isolation, LoadSpec},
    services::Services,
    stages::{Staged, of_stage},
    worker::{Quarantine, StageSpec, Supervisor, WorkerSpec},
};
use auricle_plugin_api::{
    Claims, Config, Error, Manifest, Need, Schema, Scope,
    host::{HostServices, Library, LoadedEngine, LoadedStageLoader},
};
use auricle_stream::Model;
use jsonschema::{ValidationError, Validator};
use serde_json::{Map, Value, json};
use std::{
    iter,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};

/// The field of engines with a voice activity detection of their own. The host's voice gate does its work.
const VAC: &str = "vac";

/// Why an engine does not accept a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A field has a value that the schema does not allow.
    #[error("field `{field}`: {error}")]
    Field {
        /// The field, or its path if it is nested.
        field: String,
        /// The schema's error.
        error: Box<ValidationError<'static>>,
    },
    /// A field is missing or unknown, or fields contradict each other.
    #[error("{0}")]
    Fields(Box<ValidationError<'static>>),
}

impl ConfigError {
    /// The message without the values of the configuration, which may be paths of the server.
    pub fn without_values(&self) -> String {
        match self {
            Self::Field { field, error } => format!("field `{field}`: {}", error.masked()),
            Self::Fields(error) => error.masked().to_string(),
        }
    }
}

/// Why a model cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The library cannot be opened in this process.
    #[error("{0}")]
    Library(Arc<LibraryError>),
    /// The library, opened in this process, does not have an engine that it had in the child process.
    #[error("the plugin no longer has the engine `{0}`")]
    NoEngine(String),
    /// As [`NoEngine`](Self::NoEngine), for a stage.
    #[error("the plugin no longer has the stage `{0}`")]
    NoStage(String),
    /// The engine does not say which files it needs.
    #[error("{0}")]
    Files(Box<PluginError>),
    /// As [`Files`](Self::Files), for a stage.
    #[error("stage `{0}`: {1}")]
    StageFiles(String, Box<PluginError>),
    /// The engine's error, or how the worker ended.
    #[error("{0}")]
    Engine(Error),
    /// The model does not keep the plugin's claims.
    #[error("{0}; correct the claims in the plugin's source, or the model's metadata")]
    Claims(String),
}

/// One version of one plugin file.
#[derive(Debug)]
pub struct Plugin {
    /// The plugin's manifest.
    pub manifest: Manifest,
    /// What it claims to do and need, if it claims anything.
    pub claims: Option<Claims>,
    /// The engines, in the plugin's order.
    pub engines: Vec<Arc<Engine>>,
    /// The stages, in the plugin's order.
    pub stages: Vec<Arc<Engine>>,
    /// The record of its workers' crashes.
    pub quarantine: Arc<Quarantine>,
}

/// The file of a plugin's engines.
#[derive(Debug)]
struct Source {
    /// The plugin's id.
    id: String,
    /// The plugin's id and version, for the log.
    name: String,
    claims: Option<Claims>,
    /// The private copy.
    path: PathBuf,
    resource_dirs: Vec<PathBuf>,
    quarantine: Arc<Quarantine>,
    /// The library as opened in this process, or why it cannot be opened.
    opened: OnceLock<Result<Library, Arc<LibraryError>>>,
}

/// A stage behind a model.
#[derive(Debug, Clone)]
pub struct StageLoad {
    /// The stage: a [`Kind::Stage`].
    pub stage: Arc<Engine>,
    /// Its load fields.
    pub fields: Map<String, Value>,
}

/// An engine of a plugin, or a stage.
#[derive(Debug)]
pub struct Engine {
    /// Identifies the engine in one version of the file: the content's hash and the backend name.
    pub key: String,
    kind: Kind,
    backend: String,
    schema: Schema,
    validator: Validator,
    /// Whether it names the files that a model, or the stage, needs.
    names_files: bool,
    source: Arc<Source>,
    /// If its models are on other machines. There is no plugin then.
    elsewhere: Option<Arc<dyn Elsewhere>>,
}

/// Equal if they are of the same file.
impl PartialEq for Engine {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Plugin {
    /// Creates a plugin from the child process's report on a private copy, whose content has the hash `sha256`.
    ///
    /// # Errors
    /// An engine's schema is invalid.
    pub(super) fn new(
        manifest: Manifest,
        report: ProbeReport,
        path: PathBuf,
        sha256: &str,
        resource_dirs: &[PathBuf],
        quarantine: Quarantine,
    ) -> Result<Self, PluginError> {
        let quarantine = Arc::new(quarantine);
        let source = Arc::new(Source {
            id: manifest.id(),
            name: format!("{} {}", manifest.id(), manifest.version()),
            claims: report.claims.clone(),
            path,
            resource_dirs: resource_dirs.to_vec(),
            quarantine: Arc::clone(&quarantine),
            opened: OnceLock::new(),
        });
        let claims = report.claims;
        let part = |kind: Kind, backend: String, schema: Value, names_files: bool| {
            let validator = jsonschema::validator_for(&schema).map_err(|error| {
                let (backend, error) = (backend.clone(), Box::new(error));
                PluginError::Schema { kind, backend, error }
            })?;
            let schema = serde_json::from_value(schema).map_err(PluginError::Fields)?;
            let key = match kind {
                Kind::Engine => format!("{sha256}/{backend}"),
                Kind::Stage => format!("{sha256}/stage/{backend}"),
            };
            let source = Arc::clone(&source);
            Ok::<_, PluginError>(Arc::new(Engine {
                key,
                kind,
                backend,
                schema,
                validator,
                names_files,
                source,
                elsewhere: None,
            }))
        };
        let engines = report.engines.into_iter();
        let engines = engines.map(|engine| part(Kind::Engine, engine.backend, engine.schema, engine.names_files));
        let stages = report.stages.into_iter();
        let stages = stages.map(|stage| part(Kind::Stage, stage.name, stage.schema, stage.names_files));
        let (engines, stages) = (engines.collect::<Result<_, _>>()?, stages.collect::<Result<_, _>>()?);
        Ok(Self { manifest, claims, engines, stages, quarantine })
    }

    /// The engines and the stages.
    pub(super) fn parts(&self) -> impl Iterator<Item = &Arc<Engine>> {
        self.engines.iter().chain(&self.stages)
    }
}

/// Opens a plugin file or engine folder where it is, for one use: without a registry, a private copy or a quarantine. It
/// must not change meanwhile. `program` opens it in a child process first.
///
/// # Errors
/// Why the plugin is refused.
pub fn open_plugin(
    program: &Path,
    path: &Path,
    resource_dirs: &[PathBuf],
    limit: Duration,
) -> Result<Plugin, PluginError> {
    let report = examine(program, path, resource_dirs, limit)?;
    let manifest = find_library(path)?.manifest;
    let quarantine = Quarantine::new(manifest.id(), usize::MAX, Duration::ZERO);
    Plugin::new(manifest, report, path.to_owned(), "", resource_dirs, quarantine)
}

impl Engine {
    /// An engine whose models are on other machines. `fields` are the schemas of its stream fields.
    ///
    /// # Errors
    /// A schema is invalid.
    pub fn elsewhere(
        key: String,
        backend: &str,
        fields: Map<String, Value>,
        models: Arc<dyn Elsewhere>,
    ) -> Result<Self, PluginError> {
        let frame = "https://json-schema.org/draft/2020-12/schema";
        let schema = json!({"$schema": frame, "type": "object", "properties": fields});
        let validator = jsonschema::validator_for(&schema).map_err(|error| PluginError::Schema {
            kind: Kind::Engine,
            backend: backend.to_owned(),
            error: Box::new(error),
        })?;
        let schema = serde_json::from_value(schema).map_err(PluginError::Fields)?;
        let name = "engine hosts".to_owned();
        let source = Source {
            id: String::new(),
            quarantine: Arc::new(Quarantine::new(name.clone(), usize::MAX, Duration::ZERO)),
            name,
            claims: None,
            path: PathBuf::new(),
            resource_dirs: Vec::new(),
            opened: OnceLock::new(),
        };
        let (backend, source, elsewhere) = (backend.to_owned(), Arc::new(source), Some(models));
        Ok(Self { key, kind: Kind::Engine, backend, schema, validator, names_files: false, source, elsewhere })
    }

    /// The name by which presets select the engine.
    pub fn backend(&self) -> &str {
        &self.backend
    }

    /// Whether it is an engine or a stage.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its configuration fields.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The plugin's id and version, for the log.
    pub fn plugin(&self) -> &str {
        &self.source.name
    }

    /// The plugin's id.
    pub fn plugin_id(&self) -> &str {
        &self.source.id
    }

    /// Why no model can be loaded now: the plugin is in quarantine, or the other machines are away.
    pub fn unavailable(&self) -> Option<String> {
        match &self.elsewhere {
            Some(models) => models.unavailable(),
            None => self.source.quarantine.reason(),
        }
    }

    /// Whether its models are on other machines.
    pub fn is_elsewhere(&self) -> bool {
        self.elsewhere.is_some()
    }

    /// Checks a configuration against the schema.
    ///
    /// # Errors
    /// The first violation of the schema.
    pub fn check(&self, fields: &Map<String, Value>) -> Result<(), ConfigError> {
        let fields = Value::Object(fields.clone());
        let Some(error) = self.validator.iter_errors(&fields).next() else { return Ok(()) };
        let field = error.instance_path().to_string().trim_start_matches('/').to_owned();
        let error = Box::new(error.to_owned());
        Err(if field.is_empty() { ConfigError::Fields(error) } else { ConfigError::Field { field, error } })
    }

    /// Identifies the files that a configuration names: the models in the resource directories, and whole paths. The text differs if
    /// one of them was replaced. An engine's own files are part of its [`key`](Self::key).
    pub fn files_of(&self, fields: &Map<String, Value>) -> String {
        if self.is_elsewhere() {
            return String::new();
        }
        let Source { path, resource_dirs, .. } = &*self.source;
        let config = Config::with_defaults(fields.clone(), &self.schema);
        let mut files = Fingerprint::default();
        for name in config.fields().values().filter_map(Value::as_str).filter(|name| !name.is_empty()) {
            // As `Host::find` does for the engine.
            let found = iter::once(path).chain(resource_dirs).map(|dir| dir.join(name)).find(|path| path.exists());
            if let Some(found) = found.filter(|found| !found.starts_with(path))
                && let Ok(found) = Fingerprint::of(&found, FOLDER_DEPTH)
            {
                files.extend(found);
            }
        }
        files.text()
    }

    /// Loads a model in this process or in a worker process, with stages in the order in which events pass them. Blocks, possibly
    /// for a long time.
    ///
    /// # Errors
    /// The engine's error or a stage's, or how the worker ended.
    pub fn load(&self, load: LoadSpec, stages: &[StageLoad]) -> Result<Box<dyn Model>, LoadError> {
        if let Some(models) = &self.elsewhere {
            return models.load().map_err(LoadError::Engine);
        }
        let model = self.start(load, stages)?;
        if let Some(claims) = &self.source.claims {
            claims.check(model.metadata(), &self.schema).map_err(LoadError::Claims)?;
        }
        Ok(model)
    }

    /// Whether the engine has a voice activity detection of its own, which a voice gate switches off.
    pub fn has_vac(&self) -> bool {
        self.schema.scope(VAC) == Some(Scope::Load)
    }

    fn start(&self, mut load: LoadSpec, stages: &[StageLoad]) -> Result<Box<dyn Model>, LoadError> {
        let source = &self.source;
        if load.voice_gate.is_some() && self.has_vac() {
            load.fields.insert(VAC.to_owned(), Value::Bool(false));
        }
        match load.isolation {
            Isolation::InProcess => {
                let engine = source.engine(&self.backend)?;
                let model = engine.load(&load.fields).map_err(LoadError::Engine)?;
                let stages = stages.iter().map(|StageLoad { stage, fields }| {
                    let name = &stage.backend;
                    let loaded = stage.source.stage(name)?.load(fields).map_err(|error| of_stage(name, error));
                    Ok((name.clone(), loaded.map_err(LoadError::Engine)?))
                });
                Staged::around(Box::new(model), stages.collect::<Result<_, LoadError>>()?).map_err(LoadError::Engine)
            }
            Isolation::Process => {
                let own = |need| source.claims.as_ref().is_some_and(|claims| claims.need(need));
                let needs = |need| own(need) || stages.iter().any(|load| load.stage.needs(need));
                let (no_sandbox, network, gpu) = (needs(Need::NoSandbox), needs(Need::Network), needs(Need::Gpu));
                load.sandbox &= !no_sandbox;
                let mut named = self.files(&load, &load.fields)?;
                for StageLoad { stage, fields } in stages {
                    named.extend(stage.files(&load, fields)?);
                }
                let quarantine = match stages.is_empty() {
                    true => Arc::clone(&source.quarantine),
                    // Nobody knows whose fault a death is, so it is that of this combination.
                    false => Arc::new(source.quarantine.beside(format!("{} with its stages", source.name))),
                };
                let spec = WorkerSpec {
                    plugin: source.name.clone(),
                    path: source.path.clone(),
                    resource_dirs: source.resource_dirs.clone(),
                    backend: self.backend.clone(),
                    named,
                    network,
                    gpu,
                    stages: stages.iter().map(StageLoad::spec).collect(),
                    load,
                };
                let supervisor = Supervisor::start(spec, quarantine);
                Ok(Box::new(supervisor.map_err(LoadError::Engine)?))
            }
        }
    }

    fn needs(&self, need: Need) -> bool {
        self.source.claims.as_ref().is_some_and(|claims| claims.need(need))
    }

    /// The files that a sandboxed worker may read because the engine or stage names them for these fields.
    fn files(&self, load: &LoadSpec, fields: &Map<String, Value>) -> Result<Vec<PathBuf>, LoadError> {
        let Self { source, kind, backend, .. } = self;
        let reads = source.claims.is_none() || self.needs(Need::Files);
        if !(self.names_files && reads && load.sandbox) {
            return Ok(Vec::new());
        }
        let Source { path, resource_dirs, name, .. } = &**source;
        let asked = (*kind, backend.as_str(), fields);
        let files = needed_files(&load.program, path, resource_dirs, load.load_limit, asked);
        let files = files.map_err(Box::new).map_err(|error| match kind {
            Kind::Engine => LoadError::Files(error),
            Kind::Stage => LoadError::StageFiles(backend.clone(), error),
        })?;
        tracing::info!(preset = load.preset, plugin = name, ?files, "the {kind} may read these files");
        Ok(files)
    }
}

impl StageLoad {
    /// What a worker needs to load it.
    fn spec(&self) -> StageSpec {
        let Engine { backend, source, .. } = &*self.stage;
        StageSpec { path: source.path.clone(), name: backend.clone(), fields: self.fields.clone() }
    }
}

impl Source {
    /// An engine of the library, opened in this process.
    fn engine(&self, backend: &str) -> Result<&LoadedEngine, LoadError> {
        let found = self.library()?.engines().iter().find(|engine| engine.backend() == backend);
        found.ok_or_else(|| LoadError::NoEngine(backend.to_owned()))
    }

    /// A stage of the library, opened in this process.
    fn stage(&self, name: &str) -> Result<&LoadedStageLoader, LoadError> {
        let found = self.library()?.stages().iter().find(|stage| stage.name() == name);
        found.ok_or_else(|| LoadError::NoStage(name.to_owned()))
    }

    fn library(&self) -> Result<&Library, LoadError> {
        let open = || {
            let services = |origin_dir| -> Arc<dyn HostServices> {
                Arc::new(Services { plugin: self.name.clone(), origin_dir, resource_dirs: self.resource_dirs.clone() })
            };
            open_library(&self.path, services).map_err(Arc::new)
        };
        self.opened.get_or_init(open).as_ref().map_err(|error| LoadError::Library(Arc::clone(error)))
    }
}
