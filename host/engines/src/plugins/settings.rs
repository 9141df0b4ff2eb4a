//! Where plugins are looked for and how they are tried.

use crate::platform;
use std::{collections::BTreeMap, io, path::PathBuf, time::Duration};

/// Where plugins are looked for and how they are tried.
#[derive(Debug, Clone)]
pub struct DiscoverySettings {
    /// Directories of plugin files and engine folders.
    pub plugins: Vec<PathBuf>,
    /// Directories where engines look for models and shared runtimes, in order.
    pub resources: Vec<PathBuf>,
    /// Where private copies of plugin files are kept; the system's place for caches unless given.
    pub cache: Option<PathBuf>,
    /// Which plugin serves a backend that several claim: backend name to plugin id, or to `id@version`.
    pub backends: BTreeMap<String, String>,
    /// SHA-256 of the plugin files and engine folders that may run, by name; where there are any, nothing else may.
    pub pins: BTreeMap<String, String>,
    /// How long a plugin may take to load when it is tried.
    pub probe_limit: Duration,
    /// Different streams that a plugin's workers die of, within `quarantine_window`, before it is no longer used.
    pub quarantine_streams: usize,
    /// See `quarantine_streams`.
    pub quarantine_window: Duration,
    /// The program that tries a plugin; its first argument is `probe-child`. And the one that runs workers.
    pub program: PathBuf,
}

impl DiscoverySettings {
    /// With this program for child processes, and no directory to look into.
    ///
    /// # Errors
    /// Where the system does not tell which program this is.
    pub fn of_this_program() -> io::Result<Self> {
        Ok(Self {
            plugins: Vec::new(),
            resources: Vec::new(),
            cache: None,
            backends: BTreeMap::new(),
            pins: BTreeMap::new(),
            probe_limit: Duration::from_secs(10),
            quarantine_streams: 5,
            quarantine_window: Duration::from_secs(600),
            program: platform::this_program()?,
        })
    }
}
