//! The services that the server offers to its plugins: logging and directories. Threads: any.

use auricle_plugin_api::host::{HostServices, LogLevel};
use std::path::PathBuf;
use tracing::level_filters::LevelFilter;

/// The services given to one plugin.
pub(crate) struct Services {
    pub(crate) plugin: String,
    pub(crate) origin_dir: PathBuf,
    pub(crate) resource_dirs: Vec<PathBuf>,
}

impl Services {
    /// The most detailed level that this process logs.
    pub(crate) fn current_level() -> LogLevel {
        match LevelFilter::current() {
            level if level >= LevelFilter::TRACE => LogLevel::Trace,
            level if level >= LevelFilter::DEBUG => LogLevel::Debug,
            level if level >= LevelFilter::INFO => LogLevel::Info,
            level if level >= LevelFilter::WARN => LogLevel::Warn,
            _ => LogLevel::Error,
        }
    }

    /// Writes a plugin's line to this process's log. The stream's id comes from the thread's current span.
    pub(crate) fn write(plugin: &str, level: LogLevel, target: &str, message: &str) {
        match level {
            LogLevel::Error => tracing::error!(target: "auricle::engine", plugin, from = target, "{message}"),
            LogLevel::Warn => tracing::warn!(target: "auricle::engine", plugin, from = target, "{message}"),
            LogLevel::Info => tracing::info!(target: "auricle::engine", plugin, from = target, "{message}"),
            LogLevel::Debug => tracing::debug!(target: "auricle::engine", plugin, from = target, "{message}"),
            LogLevel::Trace => tracing::trace!(target: "auricle::engine", plugin, from = target, "{message}"),
        }
    }
}

impl HostServices for Services {
    fn log_level(&self) -> LogLevel {
        Self::current_level()
    }

    fn log(&self, level: LogLevel, target: &str, message: &str) {
        Self::write(&self.plugin, level, target, message);
    }

    fn origin_dir(&self) -> PathBuf {
        self.origin_dir.clone()
    }

    fn resource_dirs(&self) -> Vec<PathBuf> {
        self.resource_dirs.clone()
    }
}
