//! A loaded plugin and its engines. The server calls plugin code only through this file.
//!
//! The child process that probed the plugin has reported its engines. The library is opened in this process only when a
//! model is loaded here. Threads: any.

use super::{
    error::PluginError,
    probe::{ProbeReport, engine_files, examine},
    scan::{FOLDER_DEPTH, Fingerprint},
};
use crate::{
    library::{LibraryError, find_library, open_library},
    load::{Isolation, LoadSpec},
    services::Services,
    worker::{Quarantine, Supervisor, WorkerSpec},
};
use auricle_plugin_api::{
    Claims, Config, Error, Manifest, Need, Schema,
    host::{HostServices, LoadedEngine},
};
use auricle_stream::Model;
use jsonschema::{ValidationError, Validator};
use serde_json::{Map, Value};
use std::{
    iter,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};

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
    /// The engine does not say which files it needs.
    #[error("{0}")]
    Files(Box<PluginError>),
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
    /// The engines as opened in this process, or why they cannot be opened.
    opened: OnceLock<Result<Vec<LoadedEngine>, Arc<LibraryError>>>,
}

/// An engine of a plugin.
#[derive(Debug)]
pub struct Engine {
    /// Identifies the engine in one version of the file: the content's hash and the backend name.
    pub key: String,
    backend: String,
    schema: Schema,
    validator: Validator,
    /// Whether it names the files that a model needs.
    names_files: bool,
    source: Arc<Source>,
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
        let engines = report.engines.into_iter().map(|engine| {
            let validator = jsonschema::validator_for(&engine.schema).map_err(|error| {
                let (backend, error) = (engine.backend.clone(), Box::new(error));
                PluginError::Schema { backend, error }
            })?;
            let schema = serde_json::from_value(engine.schema).map_err(PluginError::Fields)?;
            let (key, source) = (format!("{sha256}/{}", engine.backend), Arc::clone(&source));
            let (backend, names_files) = (engine.backend, engine.names_files);
            Ok(Arc::new(Engine { key, backend, schema, validator, names_files, source }))
        });
        Ok(Self { manifest, claims, engines: engines.collect::<Result<_, PluginError>>()?, quarantine })
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
    /// The name by which presets select the engine.
    pub fn backend(&self) -> &str {
        &self.backend
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

    /// Why the plugin is in quarantine, if it is.
    pub fn quarantined(&self) -> Option<String> {
        self.source.quarantine.reason()
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

    /// Loads a model in this process or in a worker process. Blocks, possibly for a long time.
    ///
    /// # Errors
    /// The engine's error, or how the worker ended.
    pub fn load(&self, load: LoadSpec) -> Result<Box<dyn Model>, LoadError> {
        let model = self.start(load)?;
        if let Some(claims) = &self.source.claims {
            claims.check(model.metadata(), &self.schema).map_err(LoadError::Claims)?;
        }
        Ok(model)
    }

    fn start(&self, mut load: LoadSpec) -> Result<Box<dyn Model>, LoadError> {
        let source = &self.source;
        match load.isolation {
            Isolation::InProcess => {
                let engine = source.engine(&self.backend)?;
                let model = engine.load(&load.fields).map_err(LoadError::Engine)?;
                Ok(Box::new(model))
            }
            Isolation::Process => {
                let needs = |need| source.claims.as_ref().is_some_and(|claims| claims.need(need));
                load.sandbox &= !needs(Need::NoSandbox);
                let named = if source.claims.is_none() || needs(Need::Files) { self.files(&load)? } else { Vec::new() };
                let spec = WorkerSpec {
                    plugin: source.name.clone(),
                    path: source.path.clone(),
                    resource_dirs: source.resource_dirs.clone(),
                    backend: self.backend.clone(),
                    named,
                    network: needs(Need::Network),
                    gpu: needs(Need::Gpu),
                    load,
                };
                let supervisor = Supervisor::start(spec, Arc::clone(&source.quarantine));
                Ok(Box::new(supervisor.map_err(LoadError::Engine)?))
            }
        }
    }

    /// The files that a sandboxed worker may read because the engine names them.
    fn files(&self, load: &LoadSpec) -> Result<Vec<PathBuf>, LoadError> {
        if !(self.names_files && load.sandbox) {
            return Ok(Vec::new());
        }
        let Source { path, resource_dirs, .. } = &*self.source;
        let model = (self.backend.as_str(), &load.fields);
        let files = engine_files(&load.program, path, resource_dirs, load.load_limit, model);
        let files = files.map_err(|error| LoadError::Files(Box::new(error)))?;
        tracing::info!(preset = load.preset, plugin = self.source.name, ?files, "the engine may read these files");
        Ok(files)
    }
}

impl Source {
    /// An engine of the library, opened in this process.
    fn engine(&self, backend: &str) -> Result<&LoadedEngine, LoadError> {
        let open = || {
            let services = |origin_dir| -> Arc<dyn HostServices> {
                Arc::new(Services { plugin: self.name.clone(), origin_dir, resource_dirs: self.resource_dirs.clone() })
            };
            open_library(&self.path, services).map_err(Arc::new)
        };
        let engines = self.opened.get_or_init(open).as_ref().map_err(|error| LoadError::Library(Arc::clone(error)))?;
        let found = engines.iter().find(|engine| engine.backend() == backend);
        found.ok_or_else(|| LoadError::NoEngine(backend.to_owned()))
    }
}
