//! A plugin that was found in order, and its engines: the one place through which the server comes to plugin code.
//!
//! What is known of a plugin was told by the child process that tried it; its library is opened in this process only when
//! a model is to run here.

use super::{error::PluginError, probe::ProbeReport};
use crate::{
    library::{LibraryError, open_library},
    load::{Isolation, LoadSpec},
    services::Services,
    worker::{Quarantine, Supervisor, WorkerSpec},
};
use auricle_plugin_api::{
    Error, Manifest, Schema,
    host::{HostServices, LoadedEngine},
};
use auricle_stream::Model;
use jsonschema::{ValidationError, Validator};
use serde_json::{Map, Value};
use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
};

/// Why a configuration is none of the engine's.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A field has a value that the schema does not allow.
    #[error("field `{field}`: {error}")]
    Field {
        /// The field; its path, where it lies in another.
        field: String,
        /// What the schema has against it.
        error: Box<ValidationError<'static>>,
    },
    /// A field is missing or not known, or fields do not go together.
    #[error("{0}")]
    Fields(Box<ValidationError<'static>>),
}

/// Why a model is not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The library cannot be opened in this process.
    #[error("{0}")]
    Library(Arc<LibraryError>),
    /// Opened here the library has not the engine that it had in the child process.
    #[error("the plugin has no engine `{0}` any more")]
    NoEngine(String),
    /// The engine's own error, or what became of the worker.
    #[error("{0}")]
    Engine(Error),
}

/// A plugin: one generation of one file.
#[derive(Debug)]
pub struct Plugin {
    /// What it says of itself.
    pub manifest: Manifest,
    /// In the plugin's order.
    pub engines: Vec<Arc<Engine>>,
    /// What became of its workers.
    pub quarantine: Arc<Quarantine>,
}

/// The file behind a plugin's engines.
#[derive(Debug)]
struct Source {
    /// The plugin's id.
    id: String,
    /// The plugin's id and version, for the log.
    name: String,
    /// The private copy.
    path: PathBuf,
    resource_dirs: Vec<PathBuf>,
    quarantine: Arc<Quarantine>,
    /// Its engines in this process, or why they cannot be here.
    opened: OnceLock<Result<Vec<LoadedEngine>, Arc<LibraryError>>>,
}

/// An engine of a plugin.
#[derive(Debug)]
pub struct Engine {
    /// Tells generations of a plugin apart: the content's hash and the backend name.
    pub key: String,
    backend: String,
    schema: Schema,
    validator: Validator,
    source: Arc<Source>,
}

impl Plugin {
    /// From what the child process found in a private copy whose content has this hash.
    ///
    /// # Errors
    /// What is wrong with an engine's schema.
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
            path,
            resource_dirs: resource_dirs.to_vec(),
            quarantine: Arc::clone(&quarantine),
            opened: OnceLock::new(),
        });
        let engines = report.engines.into_iter().map(|engine| {
            let validator = jsonschema::validator_for(&engine.schema).map_err(|error| {
                let (backend, error) = (engine.backend.clone(), Box::new(error));
                PluginError::Schema { backend, error }
            })?;
            let schema = serde_json::from_value(engine.schema).map_err(PluginError::Fields)?;
            let (key, source) = (format!("{sha256}/{}", engine.backend), Arc::clone(&source));
            Ok(Arc::new(Engine { key, backend: engine.backend, schema, validator, source }))
        });
        Ok(Self { manifest, engines: engines.collect::<Result<_, PluginError>>()?, quarantine })
    }
}

impl Engine {
    /// The name presets choose it by.
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

    /// Why it is not to be used for now, if so.
    pub fn quarantined(&self) -> Option<String> {
        self.source.quarantine.reason()
    }

    /// Checks a configuration against the schema.
    ///
    /// # Errors
    /// The first thing that the schema has against it.
    pub fn check(&self, fields: &Map<String, Value>) -> Result<(), ConfigError> {
        let fields = Value::Object(fields.clone());
        let Some(error) = self.validator.iter_errors(&fields).next() else { return Ok(()) };
        let field = error.instance_path().to_string().trim_start_matches('/').to_owned();
        let error = Box::new(error.to_owned());
        Err(if field.is_empty() { ConfigError::Fields(error) } else { ConfigError::Field { field, error } })
    }

    /// Loads a model, here or in a worker process. Blocks, perhaps for long.
    ///
    /// # Errors
    /// The engine's, or what became of the worker.
    pub fn load(&self, load: LoadSpec) -> Result<Box<dyn Model>, LoadError> {
        let source = &self.source;
        match load.isolation {
            Isolation::InProcess => {
                let engine = source.engine(&self.backend)?;
                let model = engine.load(&load.fields).map_err(LoadError::Engine)?;
                Ok(Box::new(model))
            }
            Isolation::Process => {
                let spec = WorkerSpec {
                    plugin: source.name.clone(),
                    path: source.path.clone(),
                    resource_dirs: source.resource_dirs.clone(),
                    backend: self.backend.clone(),
                    load,
                };
                let supervisor = Supervisor::start(spec, Arc::clone(&source.quarantine));
                Ok(Box::new(supervisor.map_err(LoadError::Engine)?))
            }
        }
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
