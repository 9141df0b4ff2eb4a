//! Who asks for a session, and what he may have. How a caller shows who he is, is the server's matter.

use auricle_core::{
    Failure, FailureCode,
    permits::{Permit, Permits},
};
use std::{net::IpAddr, sync::Arc};
use tokio_util::sync::CancellationToken;

/// Who asks.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The other end of the connection; a proxy's where there is one.
    pub address: IpAddr,
    /// The key that it showed, or that its listener is bound to; nothing where keys are not asked for.
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
                let presets = key.limits.presets.as_deref().unwrap_or_default().join(", ");
                let message = format!("the key `{}` is not for preset `{preset}`; it is for: {presets}", key.name());
                Err(Failure::new(FailureCode::ForbiddenPreset, message))
            }
            _ => Ok(()),
        }
    }

    /// Whether it may see what belongs to others.
    pub fn is_operator(&self) -> bool {
        self.key.as_ref().is_none_or(|key| key.limits.operator)
    }

    /// The name of its key.
    pub fn key_name(&self) -> Option<&str> {
        self.key.as_deref().map(Key::name)
    }
}

/// What a key allows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyLimits {
    /// The presets it may use; all where absent.
    pub presets: Option<Vec<String>>,
    /// Streams at once; no limit of its own where absent.
    pub max_streams: Option<usize>,
    /// Whether it opens the operator's routes.
    pub operator: bool,
}

impl KeyLimits {
    fn most(&self) -> usize {
        self.max_streams.unwrap_or(usize::MAX)
    }
}

/// A key in service, without its secret.
#[derive(Debug)]
pub struct Key {
    name: String,
    limits: KeyLimits,
    /// For its streams.
    permits: Permits,
    /// Its streams are to finish.
    revoked: CancellationToken,
}

impl Key {
    /// A key without streams; `revoked` is cancelled when it is withdrawn, or the server stops.
    pub fn new(name: impl Into<String>, limits: KeyLimits, revoked: CancellationToken) -> Self {
        let permits = Permits::new(limits.most());
        Self { name: name.into(), limits, permits, revoked }
    }

    /// The same key with other limits: its streams are counted on.
    #[must_use]
    pub fn with_limits(&self, limits: KeyLimits) -> Self {
        let permits = self.permits.with_limit(limits.most());
        Self { name: self.name.clone(), limits, permits, revoked: self.revoked.clone() }
    }

    /// The name, for the log and the operator.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is for this preset.
    pub fn may_use(&self, preset: &str) -> bool {
        self.limits.presets.as_ref().is_none_or(|presets| presets.iter().any(|name| name == preset))
    }

    /// Whether it opens the operator's routes.
    pub fn is_operator(&self) -> bool {
        self.limits.operator
    }

    /// Cancelled when it is withdrawn, or the server stops.
    pub fn drain(&self) -> &CancellationToken {
        &self.revoked
    }

    /// A place for one stream.
    ///
    /// # Errors
    /// Where all its places are taken.
    pub fn take_place(&self) -> Result<Permit, Failure> {
        self.permits.try_take().ok_or_else(|| {
            let most = self.permits.limit();
            let message = format!("the key has all the streams it may have ({most}); end one, or try again later");
            Failure::new(FailureCode::KeyStreams, message)
        })
    }
}
