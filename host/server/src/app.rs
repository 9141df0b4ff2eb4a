//! What every request sees: the server's parts, and what its listener says of it.

use crate::{
    access::{Keys, Origins},
    reload::Reloaded,
};
use auricle_core::metrics::Metrics;
use auricle_dialects::websocket::ConnectionSettings;
use auricle_engines::plugins::Registry;
use auricle_session::{Catalog, Sessions};
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// What every request sees.
#[derive(Clone)]
pub(super) struct App {
    pub(super) registry: Arc<Registry>,
    pub(super) catalog: Arc<Catalog>,
    pub(super) sessions: Arc<Sessions>,
    pub(super) metrics: Arc<Metrics>,
    /// Without them nobody is asked for a key.
    pub(super) keys: Option<Arc<Reloaded<Keys>>>,
    /// The listener's: every caller is this key's.
    pub(super) bound_key: Option<Arc<str>>,
    /// Whether the listener speaks TLS.
    pub(super) has_tls: bool,
    /// Whether the listener serves those who show no key.
    pub(super) serves_without_key: bool,
    pub(super) origins: Arc<Origins>,
    /// Whether the plugin directories have been looked at.
    pub(super) settled: watch::Receiver<bool>,
    pub(super) connection: Arc<ConnectionSettings>,
    /// One task for each open WebSocket.
    pub(super) streams: TaskTracker,
    /// Open streams are to finish now.
    pub(super) drain: CancellationToken,
}
