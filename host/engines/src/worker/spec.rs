//! The specification of a worker.

use crate::load::LoadSpec;
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
    /// How to load the model.
    pub load: LoadSpec,
}

impl WorkerSpec {
    /// The files that the engine may read: the plugin's own files, the resource directories, every existing path in
    /// its configuration, and what it names.
    #[cfg(unix)]
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let named = self.load.fields.values().filter_map(serde_json::Value::as_str).map(PathBuf::from);
        let copy = self.path.parent().map(PathBuf::from);
        let named = named.filter(|path| path.exists()).chain(self.named.clone());
        copy.into_iter().chain(self.resource_dirs.clone()).chain(named).collect()
    }
}
