//! A plugin that was found in order, and its engines: the one place through which the server comes to plugin code.
//!
//! What is known of a plugin was told by the child process that tried it; its library is opened in this process only when
//! a model is to run here.

use super::probe::ProbeReport;
use crate::{
    library::open_library,
    load::{Isolation, LoadSpec},
    services::Services,
    worker::{Quarantine, Supervisor, WorkerSpec},
};
use auricle_plugin_api::{
    Manifest, Schema,
    host::{HostServices, LoadedEngine},
};
use auricle_stream::Model;
use serde_json::{Map, Value};
use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
};

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
    opened: OnceLock<Result<Vec<LoadedEngine>, String>>,
}

/// An engine of a plugin.
#[derive(Debug)]
pub struct Engine {
    /// Tells generations of a plugin apart: the content's hash and the backend name.
    pub key: String,
    backend: String,
    schema: Schema,
    validator: jsonschema::Validator,
    source: Arc<Source>,
}

impl Plugin {
    /// From what the child process found in a private copy whose content has this hash.
    ///
    /// # Errors
    /// One line on what is wrong with an engine's schema.
    pub(super) fn new(
        manifest: Manifest,
        report: ProbeReport,
        path: PathBuf,
        sha256: &str,
        resource_dirs: &[PathBuf],
        quarantine: Quarantine,
    ) -> Result<Self, String> {
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
            let validator = jsonschema::validator_for(&engine.schema)
                .map_err(|error| format!("the schema of its engine `{}` is not valid: {error}", engine.backend))?;
            let schema = serde_json::from_value(engine.schema).map_err(|error| error.to_string())?;
            let (key, source) = (format!("{sha256}/{}", engine.backend), Arc::clone(&source));
            Ok(Arc::new(Engine { key, backend: engine.backend, schema, validator, source }))
        });
        Ok(Self { manifest, engines: engines.collect::<Result<_, String>>()?, quarantine })
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
    /// One line that names the field.
    pub fn check(&self, fields: &Map<String, Value>) -> Result<(), String> {
        let fields = Value::Object(fields.clone());
        match self.validator.iter_errors(&fields).next() {
            None => Ok(()),
            Some(error) => {
                let place = error.instance_path().to_string();
                let field = place.trim_start_matches('/');
                Err(if field.is_empty() { error.to_string() } else { format!("field `{field}`: {error}") })
            }
        }
    }

    /// Loads a model, here or in a worker process. Blocks, perhaps for long.
    ///
    /// # Errors
    /// One line: the engine's, or what became of the worker.
    pub fn load(&self, load: LoadSpec) -> Result<Box<dyn Model>, String> {
        let source = &self.source;
        match load.isolation {
            Isolation::InProcess => {
                let engine = source.engine(&self.backend)?;
                let model = engine.load(&load.fields).map_err(|error| error.message)?;
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
                Ok(Box::new(supervisor.map_err(|error| error.message)?))
            }
        }
    }
}

impl Source {
    /// An engine of the library, opened in this process.
    fn engine(&self, backend: &str) -> Result<&LoadedEngine, String> {
        let open = || {
            let services = |origin_dir| -> Arc<dyn HostServices> {
                Arc::new(Services { plugin: self.name.clone(), origin_dir, resource_dirs: self.resource_dirs.clone() })
            };
            open_library(&self.path, services)
        };
        let engines = self.opened.get_or_init(open).as_ref().map_err(Clone::clone)?;
        let found = engines.iter().find(|engine| engine.backend() == backend);
        found.ok_or_else(|| format!("the plugin has no engine `{backend}` any more"))
    }
}
