//! The server: one port for HTTP and WebSocket, and the order of starting and stopping.

mod caller;
mod connections;
mod http;
mod listener;
mod refusal;
mod reread;
mod tls;
mod upgrade;

pub use http::{EnginesReport, PresetsReport, StreamsReport};

use crate::{
    access::{Keys, Origins, check_exposure},
    admission::Admission,
    catalog::Catalog,
    journal::Journal,
    native::ConnectionSettings,
    platform::{self, Request, Requests},
    plugins::{Registry, Watcher, check_writers},
    presets::Presets,
    reload::Reloaded,
    settings::{Settings, wait},
    stream::{Pace, StreamSettings},
};
use connections::Connections;
use listener::Front;
use reread::Files;
use std::{fs, io, path::Path, sync::Arc, time::Duration};
use tls::Certificate;
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How often presets, keys and certificates are looked at for changes.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What every request sees.
#[derive(Clone)]
pub(crate) struct App {
    registry: Arc<Registry>,
    catalog: Arc<Catalog>,
    admission: Arc<Admission>,
    /// Without them nobody is asked for a key.
    keys: Option<Arc<Reloaded<Keys>>>,
    origins: Arc<Origins>,
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
    front: Front,
    app: App,
    watcher: Watcher,
    requests: Requests,
    files: Files,
    drain_limit: Duration,
}

impl Server {
    /// Starts looking for plugins and presets and binds the address. Plugins register as they are found.
    ///
    /// # Errors
    /// Where the settings would leave the server open to a network, keys or certificate cannot be read, the address is
    /// taken, there is no place for private copies, a plugin directory cannot be read, or the system does not let it
    /// hear of requests to stop.
    pub async fn bind(settings: Settings) -> io::Result<Self> {
        // First of all: before that, SIGHUP would end the process.
        let requests = Requests::new()?;
        let drain = CancellationToken::new();
        check_exposure(&settings).map_err(io::Error::other)?;
        let origins = Origins::new(&settings.origins).map_err(io::Error::other)?;
        let keys = settings.keys.as_deref().map(|file| keys(file, &drain)).transpose()?.map(Arc::new);
        let certificate =
            settings.tls.as_ref().map(tls::certificate).transpose().map_err(io::Error::other)?.map(Arc::new);
        let listener = TcpListener::bind(settings.listen)
            .await
            .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {}: {error}", settings.listen)))?;
        let settings = Arc::new(settings);
        let registry = Arc::new(Registry::new(settings.backends.clone()));
        let presets = Arc::new(Presets::read(&settings.presets));
        let catalog = Arc::new(Catalog::new(Arc::clone(&registry), Arc::clone(&presets), Arc::clone(&settings)));
        let watcher = Watcher::start(&settings, Arc::clone(&registry))?;
        let settled = watcher.settled();
        let limits = &settings.limits;
        let journal = settings.journal.as_ref().map(Journal::open).transpose()?.map(Arc::new);
        let admission = Admission::new(Arc::clone(&catalog), Arc::clone(&presets), journal.clone(), limits);
        let app = App {
            registry: Arc::clone(&registry),
            catalog: Arc::clone(&catalog),
            admission: Arc::new(admission),
            keys: keys.clone(),
            origins: Arc::new(origins),
            settled: settled.clone(),
            connection: Arc::new(connection_settings(&settings)),
            max_message_bytes: limits.max_message_bytes,
            places: Arc::new(Semaphore::new(limits.max_streams.min(Semaphore::MAX_PERMITS))),
            streams: TaskTracker::new(),
            stopping: CancellationToken::new(),
            drain,
        };
        let most = limits.max_connections.unwrap_or(limits.max_streams.saturating_add(100).saturating_mul(2));
        let most_per_address = limits.max_connections_per_address.unwrap_or(most / 2);
        platform::raise_file_limit(most);
        let front = Front {
            listener,
            certificate: certificate.clone(),
            connections: Arc::new(Connections::new(most, most_per_address)),
            request_limit: wait(settings.timeouts.request_seconds),
        };
        let files = Files { presets: Arc::clone(&presets), keys: keys.clone(), certificate: certificate.clone() };
        tokio::spawn(follow_changes(settled, registry, presets, catalog));
        tokio::spawn(follow_files(keys, certificate));
        if let Some(journal) = journal {
            tokio::spawn(tidy(journal));
        }
        Ok(Self { front, app, watcher, requests, files, drain_limit: wait(settings.timeouts.drain_seconds) })
    }

    /// Where it is reached, such as `http://127.0.0.1:8770`.
    ///
    /// # Errors
    /// The system's.
    pub fn url(&self) -> io::Result<String> {
        let scheme = if self.front.certificate.is_some() { "https" } else { "http" };
        Ok(format!("{scheme}://{}", self.front.listener.local_addr()?))
    }

    /// Serves until asked to stop; then open streams may end by themselves for the drain time, and are finished after
    /// it. A second request to stop ends it at once. Asked to reload it reads keys, certificates and presets again, after
    /// `reread`, which takes what is the program's own of the settings; where that fails nothing else is read.
    pub async fn run(self, reread: impl Fn() -> Result<(), String> + Send + Sync + 'static) {
        let Self { front, app, watcher, mut requests, files, drain_limit } = self;
        let (files, reread) = (Arc::new(files), Arc::new(reread));
        let mut stop = async || {
            while requests.next().await == Request::Reload {
                let (files, reread) = (Arc::clone(&files), Arc::clone(&reread));
                // A panic in there is already in the log.
                let _ = tokio::task::spawn_blocking(move || files.reload(&*reread)).await;
            }
        };
        let accepting = tokio::spawn(front.accept(app.clone()));
        stop().await;
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
            () = stop() => tracing::warn!(streams = app.streams.len(), "stopped at once"),
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
    let mut tick = tokio::time::interval(LOOK_EVERY);
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

/// Keeps keys and certificate as their files are.
async fn follow_files(keys: Option<Arc<Reloaded<Keys>>>, certificate: Option<Arc<Certificate>>) {
    if keys.is_none() && certificate.is_none() {
        return;
    }
    let mut tick = tokio::time::interval(LOOK_EVERY);
    loop {
        tick.tick().await;
        let (keys, certificate) = (keys.clone(), certificate.clone());
        let look = move || {
            keys.inspect(|keys| keys.refresh());
            certificate.inspect(|certificate| certificate.refresh());
        };
        // A panic in there is already in the log.
        let _ = tokio::task::spawn_blocking(look).await;
    }
}

/// Removes what the journal has kept for long enough.
async fn tidy(journal: Arc<Journal>) {
    let mut tick = tokio::time::interval(Duration::from_secs(3_600));
    loop {
        tick.tick().await;
        let journal = Arc::clone(&journal);
        // A panic in there is already in the log.
        let _ = tokio::task::spawn_blocking(move || journal.remove_old()).await;
    }
}

/// The keys of a file; `drain` ends the streams of all.
fn keys(file: &Path, drain: &CancellationToken) -> io::Result<Reloaded<Keys>> {
    let (path, drain) = (file.to_owned(), drain.clone());
    let read = move |before: Option<&Keys>| {
        check_writers(&path).map_err(|problem| format!("keys {problem}"))?;
        let text = fs::read_to_string(&path).map_err(|error| format!("keys {}: {error}", path.display()))?;
        Keys::parse(&text, before, &drain).map_err(|problem| format!("keys {}: {problem}", path.display()))
    };
    Reloaded::new(vec![file.to_owned()], read).map_err(io::Error::other)
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
