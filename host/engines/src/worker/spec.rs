//! What a worker is started with.

use crate::load::LoadSpec;
use std::path::PathBuf;

/// What a worker is started with.
#[derive(Debug, Clone)]
pub struct WorkerSpec {
    /// The plugin's id and version.
    pub plugin: String,
    /// The private copy of its file or folder.
    pub path: PathBuf,
    /// Where engines look for models and runtimes.
    pub resource_dirs: Vec<PathBuf>,
    /// The engine.
    pub backend: String,
    /// The model.
    pub load: LoadSpec,
}

impl WorkerSpec {
    /// What the engine may read: the plugin's own files, the resource directories, and whatever path a field of its
    /// configuration names.
    #[cfg(unix)]
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let named = self.load.fields.values().filter_map(serde_json::Value::as_str).map(PathBuf::from);
        let copy = self.path.parent().map(PathBuf::from);
        copy.into_iter().chain(self.resource_dirs.clone()).chain(named.filter(|path| path.exists())).collect()
    }
}
