//! A host for engines in tests, without a server.
//!
//! Threads: an engine may log from any thread.

use auricle_plugin_api::{
    Host,
    host::{HostServices, LogLevel},
};
use std::{
    mem,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A stub of the server. Clones share their log.
#[derive(Clone)]
pub struct StubHost {
    level: LogLevel,
    origin: PathBuf,
    resources: Vec<PathBuf>,
    log: Arc<Mutex<Vec<LogLine>>>,
    quiet: bool,
}

/// A line in an engine's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// The level.
    pub level: LogLevel,
    /// The module that logged the line.
    pub target: String,
    /// The message with its fields.
    pub message: String,
}

impl Default for StubHost {
    fn default() -> Self {
        Self::new()
    }
}

impl StubHost {
    /// Creates a host without resource directories, with log level `warn`.
    pub fn new() -> Self {
        Self {
            level: LogLevel::Warn,
            origin: PathBuf::from("/nowhere"),
            resources: Vec::new(),
            log: Arc::default(),
            quiet: false,
        }
    }

    /// Adds a resource directory, where the engine looks for models and shared runtimes. Directories are searched in
    /// the order in which they were added.
    #[must_use]
    pub fn resource_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.resources.push(dir.into());
        self
    }

    /// Sets the engine's own folder; `/nowhere` unless set.
    #[must_use]
    pub fn origin_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.origin = dir.into();
        self
    }

    /// Sets the most detailed log level.
    #[must_use]
    pub fn log_level(mut self, level: LogLevel) -> Self {
        self.level = level;
        self
    }

    /// Does not print warnings and errors.
    #[must_use]
    pub fn quiet(mut self) -> Self {
        self.quiet = true;
        self
    }

    /// Takes the lines logged so far. An engine in this process logs to the process's own `tracing` subscriber instead;
    /// one from a library logs here.
    pub fn take_log(&self) -> Vec<LogLine> {
        mem::take(&mut *self.lines())
    }

    /// The host as seen by an engine, to test parts of an engine that take a [`Host`].
    pub fn as_host(&self) -> Host {
        Host::from_services(self.services())
    }

    /// The services, to open an engine with `auricle_plugin_api::host`.
    pub fn services(&self) -> Arc<dyn HostServices> {
        Arc::new(self.clone())
    }

    fn lines(&self) -> MutexGuard<'_, Vec<LogLine>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HostServices for StubHost {
    fn log_level(&self) -> LogLevel {
        self.level
    }

    fn log(&self, level: LogLevel, target: &str, message: &str) {
        if level <= LogLevel::Warn && !self.quiet {
            // Shown if the test fails.
            println!("{level:?} {target}: {message}");
        }
        self.lines().push(LogLine { level, target: target.to_owned(), message: message.to_owned() });
    }

    fn origin_dir(&self) -> PathBuf {
        self.origin.clone()
    }

    fn resource_dirs(&self) -> Vec<PathBuf> {
        self.resources.clone()
    }
}

/// The folder of ONNX Runtime for tests: `AURICLE_RUNTIME`, or the nearest `target/runtime` above `manifest_dir`, which
/// is `env!("CARGO_MANIFEST_DIR")` of the crate under test. It is one of the resource directories that an ONNX engine
/// needs.
///
/// # Panics
/// There is none.
pub fn onnx_runtime_dir(manifest_dir: &str) -> PathBuf {
    let named = std::env::var_os("AURICLE_RUNTIME").map(PathBuf::from);
    let near = || Path::new(manifest_dir).ancestors().map(|dir| dir.join("target/runtime")).find(|dir| dir.exists());
    let dir = named.or_else(near).filter(|dir| dir.exists());
    dir.unwrap_or_else(|| {
        panic!("ONNX Runtime is missing: set AURICLE_RUNTIME to its folder (`cargo xtask test` does)")
    })
}
