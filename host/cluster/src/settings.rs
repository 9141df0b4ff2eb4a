//! How a front uses its engine hosts.

use super::{Authority, ClusterKey};
use std::{sync::Arc, time::Duration};

/// How a front uses its engine hosts.
#[derive(Debug, Clone)]
pub struct FrontSettings {
    /// Their addresses: `HOST:PORT`.
    pub engines: Vec<String>,
    /// The cluster's key.
    pub key: ClusterKey,
    /// Whose certificates the engine hosts have, if connections use TLS.
    pub authority: Option<Arc<Authority>>,
    /// How long an engine host may be silent before it counts as dead.
    pub silence: Duration,
    /// How long a stream whose engine host died waits for another one.
    pub patience: Duration,
    /// How long a call for a live stream may take, with all waiting.
    pub call_limit: Duration,
    /// How long a model may take to load.
    pub load_limit: Duration,
}
