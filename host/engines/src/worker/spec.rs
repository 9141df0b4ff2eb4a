//! The specification of a worker.

#[cfg(unix)]
use super::sandbox::Allowed;
use crate::load::LoadSpec;
use serde_json::{Map, Value};
use std::path::PathBuf;

/// The plugin, engine and model of a worker.
#[derive(Debug, Clone)]
pub struct WorkerSpec {
    /// The plugin's id and version.
    pub plugin: String,
    /// The private copy of its file or folder.
    pub path: PathBuf,
    /// Where engines look for models and runtimes.
    pub resource_dirs: Vec<PathBuf>,
    /// The engine's backend name.
    pub backend: String,
    /// Further files that the engine needs, as it says itself.
    pub named: Vec<PathBuf>,
    /// Whether the sandbox lets it connect to other machines.
    pub network: bool,
    /// Whether the sandbox lets it use graphics processors.
    pub gpu: bool,
    /// The stages behind the model.
    pub stages: Vec<StageSpec>,
    /// How to load the model.
    pub load: LoadSpec,
}

/// A stage of a worker.
#[derive(Debug, Clone)]
pub struct StageSpec {
    /// The private copy of its plugin's file or folder.
    pub path: PathBuf,
    /// The stage's name.
    pub name: String,
    /// Its load fields.
    pub fields: Map<String, Value>,
}

impl WorkerSpec {
    /// What the sandbox allows.
    #[cfg(unix)]
    pub(super) fn allowed(&self) -> Allowed {
        let copy = |path: &std::path::Path| path.parent().map(PathBuf::from).unwrap_or_default();
        let mut read = readable_files(copy(&self.path), &self.resource_dirs, &self.load.fields, &self.named);
        for StageSpec { path, fields, .. } in &self.stages {
            read.extend(readable_files(copy(path), &[], fields, &[]));
        }
        Allowed { read, scratch: None, network: self.network, gpu: self.gpu }
    }
}

/// The files that an engine may read in the sandbox: the plugin's own, the resource directories, every existing path in
/// its configuration, and what it names itself.
pub fn readable_files(
    own: PathBuf,
    resource_dirs: &[PathBuf],
    fields: &Map<String, Value>,
    named: &[PathBuf],
) -> Vec<PathBuf> {
    let values = fields.values().filter_map(Value::as_str).map(PathBuf::from);
    let values = values.filter(|path| path.exists()).chain(named.iter().cloned());
    [own]
        .into_iter()
        .filter(|own| !own.as_os_str().is_empty())
        .chain(resource_dirs.iter().cloned())
        .chain(values)
        .collect()
}
