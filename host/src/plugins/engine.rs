//! A plugin that was opened, and its engines: the one place through which the server calls plugin code.

use super::services::Services;
use crate::platform;
use auricle_plugin_api::{
    Manifest, Schema,
    host::{Library, LoadedEngine, LoadedModel, NotLoadable, read_manifest},
};
use serde_json::{Map, Value};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// An opened plugin: one generation of one file.
#[derive(Debug)]
pub struct Plugin {
    /// What it says of itself.
    pub manifest: Manifest,
    /// Of the file's or folder's content.
    pub sha256: String,
    /// In the plugin's order.
    pub engines: Vec<Arc<Engine>>,
}

/// An engine of an opened plugin.
#[derive(Debug)]
pub struct Engine {
    /// Tells generations of a plugin apart: the content's hash and the backend name.
    pub key: String,
    /// The plugin's id and version, for the log.
    pub plugin: String,
    engine: LoadedEngine,
    validator: jsonschema::Validator,
}

impl Engine {
    /// Of the plugin named `plugin` with this content.
    pub(super) fn new(engine: LoadedEngine, sha256: &str, plugin: String) -> Result<Self, String> {
        let schema = Value::Object(engine.schema().json().clone());
        let validator = jsonschema::validator_for(&schema)
            .map_err(|error| format!("the schema of its engine `{}` is not valid: {error}", engine.backend()))?;
        let key = format!("{sha256}/{}", engine.backend());
        Ok(Self { key, plugin, engine, validator })
    }

    /// The name presets choose it by.
    pub fn backend(&self) -> &str {
        self.engine.backend()
    }

    /// Its configuration fields.
    pub fn schema(&self) -> &Schema {
        self.engine.schema()
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

    /// Loads a model. Blocks, perhaps for long.
    ///
    /// # Errors
    /// The engine's.
    pub fn load(&self, fields: &Map<String, Value>) -> Result<LoadedModel, auricle_plugin_api::Error> {
        self.engine.load(fields)
    }
}

/// Where a plugin's library and own files are: a file stands alone, a folder holds one library with a manifest.
pub(super) struct Origin {
    pub(super) manifest: Manifest,
    pub(super) library: PathBuf,
    pub(super) dir: PathBuf,
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

/// Opens a plugin whose manifest was read. Runs its code.
pub(super) fn open(origin: &Origin, sha256: &str, resource_dirs: &[PathBuf]) -> Result<Plugin, String> {
    let manifest = origin.manifest;
    let name = format!("{} {}", manifest.id(), manifest.version());
    let services =
        Services { plugin: name.clone(), origin_dir: origin.dir.clone(), resource_dirs: resource_dirs.to_vec() };
    let library = Library::open(&origin.library, Arc::new(services))?;
    let mut engines = Vec::new();
    for engine in library.into_engines() {
        engines.push(Arc::new(Engine::new(engine, sha256, name.clone())?));
    }
    Ok(Plugin { manifest, sha256: sha256.to_owned(), engines })
}
