//! The server: one port for HTTP and WebSocket, and the order of starting and stopping.

mod http;
mod listener;
mod upgrade;

pub use http::{EnginesReport, PresetsReport};

use crate::{
    catalog::Catalog,
    native::ConnectionSettings,
    platform::StopRequests,
    plugins::{Registry, Watcher},
    presets::Presets,
    settings::{Settings, wait},
    stream::{Pace, StreamSettings},
};
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How often presets are looked at for changes.
const PRESETS_EVERY: Duration = Duration::from_millis(500);

/// What every request sees.
#[derive(Clone)]
pub(crate) struct App {
    registry: Arc<Registry>,
    catalog: Arc<Catalog>,
    /// Whether the plugin directories have been looked at.
    settled: watch::Receiver<bool>,
    connection: Arc<ConnectionSettings>,
    max_message_bytes: usize,
    /// One permit for each stream that there may be.
    places: Arc<Semaphore>,
    /// One task for each open WebSocket.
    streams: TaskTracker,
    /// No new streams.
    stopping: CancellationToken,
    /// Open streams are to finish now.
    drain: CancellationToken,
}

/// A server that is bound to its address.
pub struct Server {
    listener: TcpListener,
    app: App,
    watcher: Watcher,
    stop: StopRequests,
    drain_limit: Duration,
}

impl Server {
    /// Starts looking for plugins and presets and binds the address. Plugins register as they are found.
    ///
    /// # Errors
    /// Where the address is taken, there is no place for private copies, a plugin directory cannot be read, or the system
    /// does not let it hear of requests to stop.
    pub async fn bind(settings: Settings) -> io::Result<Self> {
        let listener = TcpListener::bind(settings.listen)
            .await
            .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {}: {error}", settings.listen)))?;
        let settings = Arc::new(settings);
        let registry = Arc::new(Registry::new(settings.backends.clone()));
        let presets = Arc::new(Presets::read(&settings.presets));
        let catalog = Arc::new(Catalog::new(Arc::clone(&registry), Arc::clone(&presets), Arc::clone(&settings)));
        let watcher = Watcher::start(&settings, Arc::clone(&registry))?;
        let settled = watcher.settled();
        let app = App {
            registry: Arc::clone(&registry),
            catalog: Arc::clone(&catalog),
            settled: settled.clone(),
            connection: Arc::new(connection_settings(&settings)),
            max_message_bytes: settings.limits.max_message_bytes,
            places: Arc::new(Semaphore::new(settings.limits.max_streams.min(Semaphore::MAX_PERMITS))),
            streams: TaskTracker::new(),
            stopping: CancellationToken::new(),
            drain: CancellationToken::new(),
        };
        tokio::spawn(follow_changes(settled, registry, presets, catalog));
        Ok(Self {
            listener,
            app,
            watcher,
            stop: StopRequests::new()?,
            drain_limit: wait(settings.timeouts.drain_seconds),
        })
    }

    /// The address it is bound to.
    ///
    /// # Errors
    /// The system's.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until asked to stop; then open streams may end by themselves for the drain time, and are finished after
    /// it. A second request to stop ends it at once.
    pub async fn run(self) {
        let Self { listener, app, watcher, mut stop, drain_limit } = self;
        let accepting = tokio::spawn(listener::accept(listener, app.clone()));
        stop.next().await;
        app.stopping.cancel();
        app.streams.close();
        tracing::info!(streams = app.streams.len(), "stopping: no new streams");
        let finished = async {
            if tokio::time::timeout(drain_limit, app.streams.wait()).await.is_err() {
                tracing::info!(streams = app.streams.len(), "finishing the streams that are still open");
                app.drain.cancel();
                if tokio::time::timeout(drain_limit.max(Duration::from_secs(5)), app.streams.wait()).await.is_err() {
                    tracing::warn!(streams = app.streams.len(), "streams that did not finish are dropped");
                }
            }
        };
        tokio::select! {
            () = finished => {}
            () = stop.next() => tracing::warn!(streams = app.streams.len(), "stopped at once"),
        }
        accepting.abort();
        // Here, not with the last task that is let go: it removes the private copies.
        drop(watcher);
    }
}

/// Keeps the catalog true while presets and engines change.
async fn follow_changes(
    mut settled: watch::Receiver<bool>,
    registry: Arc<Registry>,
    presets: Arc<Presets>,
    catalog: Arc<Catalog>,
) {
    // Before the first look at the plugin directories has ended every preset would lack its engine.
    if settled.wait_for(|settled| *settled).await.is_err() {
        return;
    }
    let (mut engines, mut files) = (registry.changes(), presets.changes());
    let mut tick = tokio::time::interval(PRESETS_EVERY);
    catalog.refresh();
    loop {
        tokio::select! {
            _ = tick.tick() => {
                let presets = Arc::clone(&presets);
                // A panic in there is already in the log.
                let _ = tokio::task::spawn_blocking(move || presets.refresh()).await;
            }
            Ok(()) = engines.changed() => catalog.refresh(),
            Ok(()) = files.changed() => catalog.refresh(),
        }
    }
}

fn connection_settings(settings: &Settings) -> ConnectionSettings {
    let (limits, timeouts) = (&settings.limits, &settings.timeouts);
    ConnectionSettings {
        start_limit: wait(timeouts.start_seconds),
        idle_limit: wait(timeouts.idle_seconds),
        write_limit: wait(timeouts.write_seconds),
        stream: StreamSettings {
            pace: Pace::Live,
            max_lag_seconds: limits.max_lag_seconds,
            report_lag_seconds: limits.report_lag_seconds,
            file_buffer_seconds: limits.file_buffer_seconds,
            max_unsent_events: limits.max_unsent_events,
            max_text_bytes: limits.max_text_bytes,
            max_events_per_call: limits.max_events_per_call,
            replay_seconds: limits.replay_seconds,
        },
    }
}
