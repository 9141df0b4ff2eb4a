//! What a reload reads again: the settings that can change, then presets, keys and certificates.
//!
//! Those are followed as their files change, too; a reload does it at once, and whatever the files look like.

use super::tls::Certificate;
use crate::{access::Keys, reload::Reloaded};
use auricle_session::Presets;
use std::{
    fmt::Display,
    sync::{Arc, Mutex, PoisonError},
};

/// What is read from files while the server runs.
pub(super) struct Files {
    /// One reload at a time.
    pub(super) reloading: Mutex<()>,
    pub(super) presets: Arc<Presets>,
    pub(super) keys: Option<Arc<Reloaded<Keys>>>,
    pub(super) certificates: Vec<Arc<Certificate>>,
}

impl Files {
    /// Reads all of it again, after `settings`; nothing where that fails. What is wrong with a file is in the log.
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
