//! State of the request handlers: the server's parts, and the settings of the listener.

use crate::{
    access::{Keys, Origins},
    connections::Connections,
    reload::Reloaded,
    tls::Certificate,
};
use auricle_core::metrics::Metrics;
use auricle_dialects::{Uploads, websocket::ConnectionSettings};
use auricle_engines::plugins::{FirstScan, Registry};
use auricle_session::{Catalog, Sessions};
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// State of the request handlers.
#[derive(Clone)]
pub(super) struct App {
    pub(super) registry: Arc<Registry>,
    pub(super) catalog: Arc<Catalog>,
    pub(super) sessions: Arc<Sessions>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) connections: Arc<Connections>,
    /// The certificates of all listeners.
    pub(super) certificates: Arc<[Arc<Certificate>]>,
    /// `None` if no keys are required.
    pub(super) keys: Option<Arc<Reloaded<Keys>>>,
    /// The key that the listener is bound to: it applies to every caller.
    pub(super) bound_key: Option<Arc<str>>,
    /// Whether the listener uses TLS.
    pub(super) has_tls: bool,
    /// Whether the listener has the web page, which uses the other routes.
    pub(super) has_page: bool,
    /// Whether the listener accepts clients without a key.
    pub(super) serves_without_key: bool,
    pub(super) origins: Arc<Origins>,
    /// Whether the plugin directories have been scanned.
    pub(super) first_scan: watch::Receiver<FirstScan>,
    pub(super) connection: Arc<ConnectionSettings>,
    /// The limits of files in requests.
    pub(super) uploads: Uploads,
    /// One task for each open WebSocket, and one token for each request to a dialect.
    pub(super) streams: TaskTracker,
    /// Cancelled to finish all open streams.
    pub(super) drain: CancellationToken,
}
