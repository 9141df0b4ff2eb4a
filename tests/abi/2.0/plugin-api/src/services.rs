//! What the server does for an engine.

use crate::abi::AbiHostBox;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// The server, as an engine sees it. Cheap to clone; usable from any thread.
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

    /// Where the engine's own files are: the server's copy of its folder `NAME.engine/`, or the directory that holds just
    /// the copy of its library. An engine never looks for files relative to its library's path.
    pub fn origin_dir(&self) -> &Path {
        &self.inner.origin_dir
    }

    /// Where models and shared runtimes are, in order of preference.
    pub fn resource_dirs(&self) -> &[PathBuf] {
        &self.inner.resource_dirs
    }

    /// The first existing `name` in the engine's own folder and then the resource directories; an absolute `name` is
    /// taken as it is.
    pub fn find(&self, name: &str) -> Option<PathBuf> {
        std::iter::once(&self.inner.origin_dir)
            .chain(&self.inner.resource_dirs)
            .map(|dir| dir.join(name))
            .find(|path| path.exists())
    }

    /// Asks the server for an optional service; `None` where it does not know the id.
    pub fn extension(&self, id: &str, request: &[u8]) -> Option<Vec<u8>> {
        self.inner.host.extension(id.into(), request.into()).into_option().map(Vec::from)
    }

    /// The most detailed level the server's log takes: 0 off, 1 error, ... 5 trace.
    pub(crate) fn log_level(&self) -> u32 {
        self.inner.host.log_level()
    }

    pub(crate) fn log(&self, level: u32, target: &str, message: &str) {
        self.inner.host.log(level, target.into(), message.into());
    }
}
