//! Who requests a session, and what its key allows. The server authenticates the caller. Threads: any.

use auricle_core::{
    Failure, FailureCode,
    permits::{Permit, Permits},
};
use std::{net::IpAddr, sync::Arc};
use tokio_util::sync::CancellationToken;

/// The client that requests a session.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The address of the connection's other end: the proxy's if there is a proxy.
    pub address: IpAddr,
    /// The key that the client sent or that its listener is bound to; `None` if keys are not required.
    pub key: Option<Arc<Key>>,
    /// Cancelled when its streams must end, because the server stops or the key was removed.
    pub drain: CancellationToken,
}

impl Caller {
    /// Whether the caller may see and use a preset.
    pub fn may_use(&self, preset: &str) -> bool {
        self.key.as_ref().is_none_or(|key| key.may_use(preset))
    }

    /// Checks that the caller may use a preset.
    ///
    /// # Errors
    /// The key does not allow the preset.
    pub fn check_preset(&self, preset: &str) -> Result<(), Failure> {
        match &self.key {
            Some(key) if !key.may_use(preset) => {
                let presets = key.limits.presets.as_deref().unwrap_or_default().join(", ");
                let message =
                    format!("the key `{}` does not allow preset `{preset}`; it allows: {presets}", key.name());
                Err(Failure::new(FailureCode::ForbiddenPreset, message))
            }
            _ => Ok(()),
        }
    }

    /// Whether the caller may see other clients' streams and use the operator's routes.
    pub fn is_operator(&self) -> bool {
        self.key.as_ref().is_none_or(|key| key.limits.operator)
    }

    /// The name of the caller's key.
    pub fn key_name(&self) -> Option<&str> {
        self.key.as_deref().map(Key::name)
    }
}

/// The rights and limits of a key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyLimits {
    /// The presets it allows; `None` allows all.
    pub presets: Option<Vec<String>>,
    /// The number of concurrent streams; `None` sets no limit.
    pub max_streams: Option<usize>,
    /// Whether it allows the operator's routes.
    pub operator: bool,
}

impl KeyLimits {
    fn most(&self) -> usize {
        self.max_streams.unwrap_or(usize::MAX)
    }
}

/// A key in use, without its secret.
#[derive(Debug)]
pub struct Key {
    name: String,
    limits: KeyLimits,
    /// One permit per stream.
    permits: Permits,
    /// Cancelled when its streams must end.
    revoked: CancellationToken,
}

impl Key {
    /// Creates a key without streams. `revoked` is cancelled when the key is removed or the server stops.
    pub fn new(name: impl Into<String>, limits: KeyLimits, revoked: CancellationToken) -> Self {
        let permits = Permits::new(limits.most());
        Self { name: name.into(), limits, permits, revoked }
    }

    /// The number of concurrent streams that it allows; `None` sets no limit.
    pub fn max_streams(&self) -> Option<usize> {
        self.limits.max_streams
    }

    /// The same key with other limits. Its open streams still count.
    #[must_use]
    pub fn with_limits(&self, limits: KeyLimits) -> Self {
        let permits = self.permits.with_limit(limits.most());
        Self { name: self.name.clone(), limits, permits, revoked: self.revoked.clone() }
    }

    /// The name, for the log and the operator.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it allows this preset.
    pub fn may_use(&self, preset: &str) -> bool {
        self.limits.presets.as_ref().is_none_or(|presets| presets.iter().any(|name| name == preset))
    }

    /// Whether it allows the operator's routes.
    pub fn is_operator(&self) -> bool {
        self.limits.operator
    }

    /// Cancelled when the key is removed or the server stops.
    pub fn drain(&self) -> &CancellationToken {
        &self.revoked
    }

    /// Takes a permit for one stream.
    ///
    /// # Errors
    /// The key has reached its limit of streams.
    pub fn take_place(&self) -> Result<Permit, Failure> {
        self.permits.try_take().ok_or_else(|| {
            let most = self.permits.limit();
            let message =
                format!("the key has reached its limit of open streams ({most}); end one, or try again later");
            Failure::new(FailureCode::KeyStreams, message)
        })
    }
}
