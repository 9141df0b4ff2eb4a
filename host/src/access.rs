//! Who may do what: API keys, origins of web pages, and whether the server may be reached from a network at all.

mod exposure;
mod keys;
mod origin;
mod request;

pub use exposure::check_exposure;
pub(crate) use keys::hex;
pub use keys::{Key, KeyEntry, Keys, NewKey};
pub use origin::Origins;
pub use request::{presented_key, subprotocol};

use crate::failure::{Failure, FailureCode};
use std::{net::IpAddr, sync::Arc};
use tokio_util::sync::CancellationToken;

/// Who asks.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The other end of the connection; a proxy's where there is one.
    pub address: IpAddr,
    /// What it showed; nothing where keys are not asked for.
    pub key: Option<Arc<Key>>,
    /// Its streams are to finish now: the server stops, or the key is no more.
    pub drain: CancellationToken,
}

impl Caller {
    /// Whether it may know of a preset and use it.
    pub fn may_use(&self, preset: &str) -> bool {
        self.key.as_ref().is_none_or(|key| key.may_use(preset))
    }

    /// As [`may_use`](Self::may_use).
    ///
    /// # Errors
    /// For the client, where it may not.
    pub fn check_preset(&self, preset: &str) -> Result<(), Failure> {
        match &self.key {
            Some(key) if !key.may_use(preset) => {
                let presets = key.presets().unwrap_or_default().join(", ");
                let message = format!("the key `{}` is not for preset `{preset}`; it is for: {presets}", key.name());
                Err(Failure::new(FailureCode::ForbiddenPreset, message))
            }
            _ => Ok(()),
        }
    }

    /// Whether it may see what belongs to others.
    pub fn is_operator(&self) -> bool {
        self.key.as_ref().is_none_or(|key| key.is_operator())
    }
}
