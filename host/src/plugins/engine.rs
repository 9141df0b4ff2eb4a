//! A plugin that was found in order, and its engines: the one place through which the server comes to plugin code.
//!
//! What is known of a plugin was told by the child process that tried it; its library is opened in this process only when
//! a model is to run here.

use super::{probe::ProbeReport, quarantine::Quarantine, services::Services};
use crate::{
    model::{Isolation, LoadSpec, Model},
    platform,
    worker::{Supervisor, WorkerSpec},
};
use auricle_plugin_api::{
    Manifest, Schema,
    host::{HostServices, Library, LoadedEngine, NotLoadable, read_manifest},
};
use serde_json::{Map, Value};
use std::{
    path::{Path, PathBuf},
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
    pub fn load(&self, load: LoadSpec) -> Result<Model, String> {
        let source = &self.source;
        match load.isolation {
            Isolation::InProcess => {
                let engine = source.engine(&self.backend)?;
                engine.load(&load.fields).map(Model::InProcess).map_err(|error| error.message)
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
                supervisor.map(Model::Worker).map_err(|error| error.message)
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

/// Where a plugin's library and own files are: a file stands alone, a folder holds one library with a manifest.
pub(super) struct Origin {
    pub(super) manifest: Manifest,
    library: PathBuf,
    dir: PathBuf,
}

/// Finds the library of a plugin file or engine folder and reads its manifest, without running any of its code.
pub(super) fn find_library(path: &Path) -> Result<Origin, NotLoadable> {
    if !path.is_dir() {
        let dir = path.parent().unwrap_or(Path::new(".")).to_owned();
        return Ok(Origin { manifest: read_manifest(path)?, library: path.to_owned(), dir });
    }
    let refused = |reason: String| NotLoadable::Refused(reason);
    let entries = std::fs::read_dir(path).map_err(|error| refused(format!("cannot be read: {error}")))?;
    let mut libraries: Vec<_> =
        entries.flatten().map(|entry| entry.path()).filter(|path| platform::is_library(path)).collect();
    libraries.sort();
    let mut found: Option<Origin> = None;
    for library in libraries {
        let name = library.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match read_manifest(&library) {
            Ok(manifest) => {
                if let Some(first) = &found {
                    let first = first.library.file_name().unwrap_or_default().to_string_lossy();
                    return Err(refused(format!("the engine folder holds two plugins, {first} and {name}")));
                }
                found = Some(Origin { manifest, library, dir: path.to_owned() });
            }
            // A library that the engine brings along.
            Err(NotLoadable::NotAPlugin) => {}
            Err(NotLoadable::Refused(reason)) => return Err(refused(format!("{name}: {reason}"))),
        }
    }
    found.ok_or_else(|| refused("the engine folder holds no plugin library".into()))
}

/// Opens the plugin in this process and makes its engines. Runs its code. `services` is given the directory of the
/// plugin's own files.
///
/// # Errors
/// One line on what is wrong with it.
pub fn open_library(
    path: &Path,
    services: impl FnOnce(PathBuf) -> Arc<dyn HostServices>,
) -> Result<Vec<LoadedEngine>, String> {
    let origin = find_library(path).map_err(|problem| match problem {
        NotLoadable::NotAPlugin => "is not a plugin".into(),
        NotLoadable::Refused(reason) => reason,
    })?;
    Ok(Library::open(&origin.library, services(origin.dir))?.into_engines())
}
