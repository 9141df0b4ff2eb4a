//! A reload: reads the settings that can change, then presets, keys and certificates.
//!
//! These files are also read when they change. A reload reads them immediately, even if they look unchanged.

use super::tls::Certificate;
use crate::{access::Keys, reload::Reloaded};
use auricle_session::Presets;
use std::{
    fmt::Display,
    sync::{Arc, Mutex, PoisonError},
};

/// The files that can be read again while the server runs.
pub(super) struct Files {
    /// Serialises the reloads.
    pub(super) reloading: Mutex<()>,
    pub(super) presets: Arc<Presets>,
    pub(super) keys: Option<Arc<Reloaded<Keys>>>,
    pub(super) certificates: Vec<Arc<Certificate>>,
}

impl Files {
    /// Reads all files again, after `settings`; nothing if that fails. Problems of a file are logged.
    pub(super) fn reload<E: Display>(&self, settings: &impl Fn() -> Result<(), E>) {
        let _reloading = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(problem) = settings() {
            tracing::error!("not reloaded: {problem}; nothing was changed");
            return;
        }
        self.presets.read_again();
        self.keys.as_ref().inspect(|keys| keys.read_again());
        self.certificates.iter().for_each(|certificate| certificate.read_again());
        tracing::info!("reloaded: log level, presets, keys and certificates");
    }
}
