//! The settings of fronts and engine hosts.

use super::SettingsError;
use crate::address::ListenAddress;
use auricle_core::times::is_wait;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// What a server does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Role {
    /// It has clients and engines: `auricle serve`.
    #[default]
    Serve,
    /// It has clients; the engines are on engine hosts: `auricle front`.
    Front,
    /// It has engines; the clients are on fronts: `auricle engine`.
    Engine,
}

/// Fronts and engine hosts.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterSettings {
    /// Engine hosts: the address at which fronts connect.
    pub listen: Option<ListenAddress>,
    /// Fronts: the addresses of their engine hosts, as `HOST:PORT`.
    pub engines: Vec<String>,
    /// The file of the key that all hosts of the cluster have.
    pub key: Option<PathBuf>,
    /// Fronts: a PEM file with the certificates of those who issued the engine hosts' certificates. With it, connections
    /// to engine hosts use TLS.
    pub authority: Option<PathBuf>,
    /// Fronts: seconds that an engine host may be silent before it counts as dead.
    pub silence_seconds: f64,
    /// Fronts: seconds that a stream whose engine host died waits for another one.
    pub wait_seconds: f64,
    /// Fronts: the number of concurrent calls of each model, which is the number of its threads. A call takes as long as
    /// the engine host needs for it.
    pub calls: usize,
}

impl Default for ClusterSettings {
    fn default() -> Self {
        Self {
            listen: None,
            engines: Vec::new(),
            key: None,
            authority: None,
            silence_seconds: 3.0,
            wait_seconds: 20.0,
            calls: 64,
        }
    }
}

impl ClusterSettings {
    pub(super) fn within(mut self, dir: &Path) -> Self {
        for path in [&mut self.key, &mut self.authority] {
            *path = path.take().map(|path| dir.join(path));
        }
        if let Some(ListenAddress::Unix(path)) = &mut self.listen {
            *path = dir.join(&*path);
        }
        self
    }

    pub(super) fn check(&self) -> Result<(), SettingsError> {
        for (field, seconds) in
            [("cluster.silence_seconds", self.silence_seconds), ("cluster.wait_seconds", self.wait_seconds)]
        {
            if !is_wait(seconds) {
                return Err(SettingsError::NotPositive { field });
            }
        }
        if self.calls == 0 {
            return Err(SettingsError::Zero { field: "cluster.calls" });
        }
        Ok(())
    }
}
