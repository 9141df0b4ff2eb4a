//! What a worker is started with, and how it ended.

use crate::model::LoadSpec;
use std::{fmt, path::PathBuf};

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

/// How a worker died: `crashed (SIGSEGV)`, `did not return from finish within 30 s and was ended`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Death {
    /// Its process.
    pub worker: u32,
    how: String,
}

impl Death {
    /// What is said of it follows a noun, as `the engine` or `a worker`.
    pub fn new(worker: u32, how: String) -> Self {
        Self { worker, how }
    }
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.how)
    }
}
