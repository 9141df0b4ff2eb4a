//! The server's services for an engine.

use crate::abi::AbiHostBox;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// The server, as seen by an engine. Cheap to clone; usable from any thread.
#[derive(Clone)]
pub struct Host {
    inner: Arc<Inner>,
}

struct Inner {
    host: AbiHostBox,
    origin_dir: PathBuf,
    resource_dirs: Vec<PathBuf>,
}

impl Host {
    pub(crate) fn new(host: AbiHostBox) -> Self {
        let origin_dir = PathBuf::from(host.origin_dir().into_string());
        let resource_dirs = host.resource_dirs().into_iter().map(|dir| PathBuf::from(dir.into_string())).collect();
        Self { inner: Arc::new(Inner { host, origin_dir, resource_dirs }) }
    }

    /// The directory of the engine's own files: the server's copy of its folder `NAME.engine/`, or the directory that
    /// contains only the copy of its library. Engines do not look for files relative to their library's path.
    pub fn origin_dir(&self) -> &Path {
        &self.inner.origin_dir
    }

    /// The directories of models and shared runtimes, in order of preference.
    pub fn resource_dirs(&self) -> &[PathBuf] {
        &self.inner.resource_dirs
    }

    /// Finds `name` in the engine's own folder, or else in the resource directories. An absolute `name` is returned
    /// unchanged.
    pub fn find(&self, name: &str) -> Option<PathBuf> {
        std::iter::once(&self.inner.origin_dir)
            .chain(&self.inner.resource_dirs)
            .map(|dir| dir.join(name))
            .find(|path| path.exists())
    }

    /// Requests an optional service from the server; `None` if it does not know the id.
    pub fn extension(&self, id: &str, request: &[u8]) -> Option<Vec<u8>> {
        self.inner.host.extension(id.into(), request.into()).into_option().map(Vec::from)
    }

    /// The most detailed level that the server logs: 0 off, 1 error, ... 5 trace.
    pub(crate) fn log_level(&self) -> u32 {
        self.inner.host.log_level()
    }

    pub(crate) fn log(&self, level: u32, target: &str, message: &str) {
        self.inner.host.log(level, target.into(), message.into());
    }
}
