//! The server: sets up its listeners, and starts and stops in a fixed order.
#![forbid(unsafe_code)]

pub mod access;
pub mod address;
mod answer;
mod app;
mod caller;
pub mod check;
mod cluster;
mod connections;
mod conversation;
mod derived;
mod dialects;
mod held_body;
mod http;
mod http2;
mod listener;
mod notify;
mod paced_body;
mod page;
mod plan;
mod process;
pub mod reload;
pub mod requests;
mod reread;
mod rest;
mod scrape;
pub mod settings;
mod socket_service;
mod tls;
mod upgrade;
mod webrtc;
mod write_limit;

pub use derived::stream_settings;
pub use http::{EnginesReport, FailuresReport, PresetsReport, ServerState, StatusReport, StreamsReport};
#[doc(hidden)]
pub use webrtc::OfflinePeer;

use crate::{
    access::{Keys, Origins, read_keys},
    reload::Reloaded,
    requests::{Request, Requests, raise_file_limit},
};
use app::App;
use auricle_core::{metrics::Metrics, times::wait};
use auricle_engines::plugins::{FirstScan, Registry, Watcher};
use auricle_session::{AdmissionSettings, Catalog, Journal, Presets, Sessions};
use cluster::{EngineHostDialect, cluster_listener, engine_hosts, follow_engine_hosts, host_key};
use connections::Connections;
use conversation::PhaseLimits;
use derived::{catalog_settings, connection_settings, discovery_settings, phase_limits, uploads};
use dialects::Dialects;
use listener::Listener;
use notify::Notifier;
use plan::{Plan, plan};
use reread::Files;
use settings::{ListenerSettings, Settings};
use std::{
    fmt::Display,
    io,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};
use tls::{Certificate, Certificates};
use tokio::{
    sync::watch,
    task::{AbortHandle, JoinSet},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use webrtc::{Surroundings, Transport};

/// Time between two checks of presets, keys and certificates for changes.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long the end waits for points of streams to be written.
const STORE_LIMIT: Duration = Duration::from_secs(5);

/// A server that is bound to its addresses.
pub struct Server {
    listeners: Vec<Listener>,
    /// The addresses for media.
    media: Vec<String>,
    phases: PhaseLimits,
    app: App,
    watcher: Watcher,
    requests: Requests,
    files: Files,
    drain_limit: Duration,
}

impl Server {
    /// Binds the addresses, and starts to look for plugins and presets. Plugins are registered as they are found.
    /// `program` is run as worker process and to probe plugins, with the commands `worker` and `probe-child`.
    ///
    /// # Errors
    /// The settings would expose the server to a network, keys or certificates cannot be read, an address is in use,
    /// private copies cannot be stored, a plugin directory cannot be read, or the signal handlers cannot be installed.
    pub async fn bind(mut settings: Settings, program: PathBuf, metrics: Arc<Metrics>) -> io::Result<Self> {
        // First, because until then SIGHUP would end the process.
        let requests = Requests::new()?;
        let engine_hosts = engine_hosts(&settings).map_err(io::Error::other)?;
        if engine_hosts.is_some() {
            // A front has no engines and no presets of its own.
            settings.plugins.clear();
            settings.presets = PathBuf::new();
        }
        let drain = CancellationToken::new();
        let origins = Origins::new(&settings.origins).map_err(io::Error::other)?;
        let keys = settings
            .keys
            .as_deref()
            .map(|file| read_keys(file, &drain))
            .transpose()
            .map_err(io::Error::other)?
            .map(Arc::new);
        let limits = &settings.limits;
        let max = limits.max_connections.unwrap_or(limits.max_streams.saturating_add(100).saturating_mul(2));
        let max_per_address = limits.max_connections_per_address.unwrap_or(max / 2);
        let connections = Arc::new(Connections::new(max, max_per_address, Arc::clone(&metrics)));
        let streams = TaskTracker::new();
        let connection = Arc::new(connection_settings(&settings));
        let surroundings = Surroundings {
            connections: Arc::clone(&connections),
            tracker: streams.clone(),
            write_limit: connection.write_limit,
            start_limit: connection.start_limit,
        };
        let webrtc = Transport::bind(&settings.webrtc, settings.dialects.webrtc.clone(), surroundings).await?;
        let mut certificates = Certificates::default();
        let mut listeners = Vec::new();
        for listener in settings.listeners() {
            let keys = keys.as_ref().map(|keys| keys.get());
            let plan = plan(&settings, &listener, keys.as_deref(), webrtc.as_ref()).map_err(io::Error::other)?;
            listeners.push(bind(&listener, plan, &mut certificates).await?);
        }
        if let Some(listener) = cluster_listener(&settings).map_err(io::Error::other)? {
            let dialect = EngineHostDialect::new(host_key(&settings).map_err(io::Error::other)?);
            let dialects = Dialects::Socket(Arc::new(dialect));
            let plan = Plan { dialects, tls: settings.tls.as_ref(), page: false };
            listeners.push(bind(&listener, plan, &mut certificates).await?);
        }
        let registry = Arc::new(Registry::new(settings.backends.clone()));
        let presets = Arc::new(Presets::read(&settings.presets));
        let catalog = Catalog::new(
            Arc::clone(&registry),
            Arc::clone(&presets),
            catalog_settings(&settings, &program),
            Arc::clone(&metrics),
        );
        let catalog = Arc::new(catalog);
        let watcher = Watcher::start(&discovery_settings(&settings, program), Arc::clone(&registry))?;
        let first_scan = watcher.first_scan();
        let journal = settings.journal.as_ref().map(Journal::open).transpose()?.map(Arc::new);
        let admission = AdmissionSettings {
            max_streams: limits.max_streams,
            refuse_lag_seconds: limits.refuse_lag_seconds,
            max_load: limits.max_load,
        };
        let sessions = Sessions::new(
            Arc::clone(&catalog),
            Arc::clone(&presets),
            journal.clone(),
            admission,
            stream_settings(&settings),
            Arc::clone(&metrics),
            first_scan.clone(),
        )
        .with_names(settings.models.clone())
        .with_engine_hosts(engine_hosts.clone())
        .with_resume(settings.resume.clone())?;
        let app = App {
            registry: Arc::clone(&registry),
            catalog: Arc::clone(&catalog),
            sessions: Arc::new(sessions),
            metrics: Arc::clone(&metrics),
            connections,
            certificates: certificates.0.clone().into(),
            keys: keys.clone(),
            bound_key: None,
            has_tls: false,
            has_page: false,
            serves_without_key: false,
            origins: Arc::new(origins),
            first_scan: first_scan.clone(),
            connection,
            uploads: uploads(&settings),
            streams,
            drain,
        };
        raise_file_limit(max);
        let files = Files {
            reloading: Mutex::default(),
            presets: Arc::clone(&presets),
            keys: keys.clone(),
            certificates: certificates.0.clone(),
        };
        if let Some(hosts) = engine_hosts {
            tokio::spawn(follow_engine_hosts(hosts, Arc::clone(&presets), settings.cluster.calls));
        }
        tokio::spawn(follow_changes(first_scan, registry, presets, catalog));
        tokio::spawn(follow_files(keys, certificates.0));
        if let Some(journal) = journal {
            tokio::spawn(tidy(journal));
        }
        Ok(Self {
            listeners,
            media: webrtc.map(|webrtc| webrtc.urls()).unwrap_or_default(),
            phases: phase_limits(&settings),
            app,
            watcher,
            requests,
            files,
            drain_limit: wait(settings.timeouts.drain_seconds),
        })
    }

    /// The URLs of the listeners, in the order of the settings: `http://127.0.0.1:8770`, `ws://127.0.0.1:2700 (vosk)`; then the
    /// addresses for media: `udp://127.0.0.1:8771 (webrtc)`.
    ///
    /// # Errors
    /// A local address cannot be read.
    pub fn urls(&self) -> io::Result<Vec<String>> {
        let media = self.media.iter().map(|address| Ok(format!("{address} (webrtc)")));
        self.listeners.iter().map(Listener::url).chain(media).collect()
    }

    /// The address of the web page, if a listener has it.
    ///
    /// # Errors
    /// A local address cannot be read.
    pub fn page(&self) -> io::Result<Option<String>> {
        self.listeners.iter().find_map(|listener| listener.page().transpose()).transpose()
    }

    /// Serves until asked to stop, and tells the service manager when it is ready, alive and stopping. Then open streams
    /// may continue for the drain time; after it they are finished, or left to the next server if they are stored. A second request to stop ends them at once. When
    /// asked to reload, it first calls `reread`, which applies the program's own settings, and then reads keys,
    /// certificates and presets again. If `reread` fails, nothing else is read.
    pub async fn run<E: Display + 'static>(self, reread: impl Fn() -> Result<(), E> + Send + Sync + 'static) {
        let Self { listeners, media: _, phases, app, watcher, mut requests, files, drain_limit } = self;
        let (files, reread) = (Arc::new(files), Arc::new(reread));
        let mut stop = async || {
            while requests.next().await == Request::Reload {
                let (files, reread) = (Arc::clone(&files), Arc::clone(&reread));
                // Not awaited: a file that cannot be read in time must not delay stopping.
                tokio::task::spawn_blocking(move || files.reload(&*reread));
            }
        };
        let mut accepting = JoinSet::new();
        let listening: Vec<_> =
            listeners.into_iter().map(|listener| accepting.spawn(listener.accept(app.clone(), phases))).collect();
        let notifier = Arc::new(Notifier::from_environment());
        let (manager, mut first_scan) = (Arc::clone(&notifier), app.first_scan.clone());
        let signs = tokio::spawn(async move {
            manager.keep_alive(|| !listening.iter().any(AbortHandle::is_finished)).await;
        });
        tokio::select! {
            () = stop() => {}
            // If the watcher has ended, the server is not ready.
            true = async { first_scan.wait_for(|scan| *scan != FirstScan::Running).await.is_ok() } => {
                notifier.send("READY=1");
                stop().await;
            }
        }
        notifier.send("STOPPING=1");
        app.sessions.stop(drain_limit);
        app.streams.close();
        tracing::info!(streams = app.streams.len(), "stopping: no new streams");
        let finished = async {
            if tokio::time::timeout(drain_limit, app.streams.wait()).await.is_err() {
                tracing::info!(streams = app.streams.len(), "finishing the streams that are still open");
                app.drain.cancel();
                if tokio::time::timeout(drain_limit.max(Duration::from_secs(5)), app.streams.wait()).await.is_err() {
                    tracing::warn!(streams = app.streams.len(), "dropping streams that did not finish");
                }
            }
        };
        tokio::select! {
            () = finished => {}
            () = stop() => tracing::warn!(streams = app.streams.len(), "stopped at once"),
        }
        accepting.shutdown().await;
        // A disk that hangs must not keep the server from ending.
        if tokio::time::timeout(STORE_LIMIT, app.sessions.settled()).await.is_err() {
            tracing::warn!("points of streams are not stored: `resume.dir` does not answer");
        }
        signs.abort();
        // Drop it here, not with the last task: it removes the private copies.
        drop(watcher);
    }
}

/// Binds a listener.
async fn bind(listener: &ListenerSettings, plan: Plan<'_>, certificates: &mut Certificates) -> io::Result<Listener> {
    let Plan { dialects, tls, page } = plan;
    let certificate = tls.map(|tls| certificates.read(tls)).transpose().map_err(io::Error::other)?;
    Listener::bind(listener, dialects, certificate, page).await
}

/// Refreshes the catalog when presets or engines change, and lets it unload models.
async fn follow_changes(
    mut first_scan: watch::Receiver<FirstScan>,
    registry: Arc<Registry>,
    presets: Arc<Presets>,
    catalog: Arc<Catalog>,
) {
    // Before the first scan of the plugin directories is complete, every preset would lack its engine.
    if first_scan.wait_for(|scan| *scan != FirstScan::Running).await.is_err() {
        return;
    }
    let (mut engines, mut files) = (registry.changes(), presets.changes());
    let mut tick = tokio::time::interval(LOOK_EVERY);
    catalog.refresh();
    loop {
        tokio::select! {
            _ = tick.tick() => {
                let presets = Arc::clone(&presets);
                // A panic is already logged.
                let _ = tokio::task::spawn_blocking(move || presets.refresh()).await;
                catalog.unload_idle();
            }
            Ok(()) = engines.changed() => catalog.refresh(),
            Ok(()) = files.changed() => catalog.refresh(),
        }
    }
}

/// Reads keys and certificates again when their files change.
async fn follow_files(keys: Option<Arc<Reloaded<Keys>>>, certificates: Vec<Arc<Certificate>>) {
    if keys.is_none() && certificates.is_empty() {
        return;
    }
    let mut tick = tokio::time::interval(LOOK_EVERY);
    loop {
        tick.tick().await;
        let (keys, certificates) = (keys.clone(), certificates.clone());
        let look = move || {
            keys.inspect(|keys| keys.refresh());
            certificates.iter().for_each(|certificate| certificate.refresh());
        };
        // A panic is already logged.
        let _ = tokio::task::spawn_blocking(look).await;
    }
}

/// Removes expired sessions from the journal.
async fn tidy(journal: Arc<Journal>) {
    let mut tick = tokio::time::interval(Duration::from_secs(3_600));
    loop {
        tick.tick().await;
        let journal = Arc::clone(&journal);
        // A panic is already logged.
        let _ = tokio::task::spawn_blocking(move || journal.remove_old()).await;
    }
}
