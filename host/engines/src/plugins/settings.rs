//! Where plugins are searched and how they are probed.

use super::grants::Grants;
use crate::platform;
use std::{collections::BTreeMap, io, path::PathBuf, time::Duration};

/// Where plugins are searched and how they are probed.
#[derive(Debug, Clone)]
pub struct DiscoverySettings {
    /// Directories of plugin files and engine folders.
    pub plugins: Vec<PathBuf>,
    /// Directories where engines look for models and shared runtimes, in order.
    pub resources: Vec<PathBuf>,
    /// The directory for private copies of plugin files. If absent, the user's cache directory.
    pub cache: Option<PathBuf>,
    /// Which plugin serves a backend that several plugins have: maps backend names to plugin ids, or to `id@version`.
    pub backends: BTreeMap<String, String>,
    /// The SHA-256 hashes of the plugin files and engine folders that may run, by name. If not empty, no others may
    /// run.
    pub pins: BTreeMap<String, String>,
    /// What plugins are granted of what they claim to need.
    pub grants: Grants,
    /// How long a plugin may take to load when it is probed.
    pub probe_limit: Duration,
    /// The number of worker crashes on unrelated streams within `quarantine_window` that puts a plugin in quarantine.
    pub quarantine_streams: usize,
    /// See `quarantine_streams`.
    pub quarantine_window: Duration,
    /// The program that probes plugins, with `probe-child` as its first argument.
    pub program: PathBuf,
}

impl DiscoverySettings {
    /// Default settings: this program for child processes, and no directories.
    ///
    /// # Errors
    /// The system does not report the path of this program.
    pub fn of_this_program() -> io::Result<Self> {
        Ok(Self {
            plugins: Vec::new(),
            resources: Vec::new(),
            cache: None,
            backends: BTreeMap::new(),
            pins: BTreeMap::new(),
            grants: Grants::default(),
            probe_limit: Duration::from_secs(10),
            quarantine_streams: 5,
            quarantine_window: Duration::from_secs(600),
            program: platform::this_program()?,
        })
    }
}
