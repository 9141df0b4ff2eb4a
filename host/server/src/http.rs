//! The HTTP routes.

use super::{
    app::App,
    caller::{Authenticated, Operator},
    dialects::HttpDialects,
    page::with_page,
    rest,
    scrape::metrics,
    upgrade::upgrade,
};
use auricle_cluster::HostReport;
use auricle_dialects::{Dialect, RestDialect};
use auricle_engines::{
    platform::resident_bytes,
    plugins::{FileReport, FirstScan},
};
use auricle_session::{FailureReport, PresetReport, Status, StreamReport};
use axum::{
    Json, Router,
    extract::{Path, Request, State},
    http::StatusCode,
    routing::{MethodFilter, MethodRouter, get, on, post},
};
use serde::{Deserialize, Serialize};
use std::{future::ready as ready_now, sync::Arc};

/// Response of `GET /v1/engines`.
#[derive(Debug, Serialize, Deserialize)]
pub struct EnginesReport {
    /// The registered backends.
    pub backends: Vec<String>,
    /// Every file in the plugin directories, with its state.
    pub files: Vec<FileReport>,
}

/// Response of `GET /v1/presets`.
#[derive(Debug, Serialize, Deserialize)]
pub struct PresetsReport {
    /// Sorted by name.
    pub presets: Vec<PresetReport>,
}

/// Response of `GET /v1/streams`.
#[derive(Debug, Serialize, Deserialize)]
pub struct StreamsReport {
    /// Oldest first.
    pub streams: Vec<StreamReport>,
}

/// Response of `GET /v1/failures`.
#[derive(Debug, Serialize, Deserialize)]
pub struct FailuresReport {
    /// The newest first.
    pub failures: Vec<FailureReport>,
}

/// Response of `GET /v1/status`.
#[derive(Debug, Serialize, Deserialize)]
pub struct StatusReport {
    /// The server's version.
    pub version: String,
    /// What the server is doing.
    pub state: ServerState,
    /// Open connections.
    pub connections: i64,
    /// The largest number of open connections.
    pub max_connections: usize,
    /// The resident memory of the server's process in bytes, without its workers; `None` if the system does not report it.
    pub memory_bytes: Option<u64>,
    /// Its streams and presets.
    #[serde(flatten)]
    pub status: Status,
    /// On a front: its engine hosts, in the order of the settings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub engine_hosts: Vec<HostReport>,
}

/// What the server is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerState {
    /// The plugin directories are being scanned.
    Starting,
    /// It serves.
    Ready,
    /// It accepts no new streams, and ends when the open ones have ended.
    Stopping,
}

impl App {
    fn state(&self) -> ServerState {
        if self.sessions.is_stopping() {
            ServerState::Stopping
        } else if *self.first_scan.borrow() == FirstScan::Running {
            ServerState::Starting
        } else {
            ServerState::Ready
        }
    }
}

/// Builds the routes. If keys are required, any key may open streams and list presets, an operator's key may use all
/// routes, and the health checks and the web page need none.
pub(super) fn routes(app: App, dialects: &HttpDialects) -> Router {
    let health = Router::new().route("/healthz", get(|| async { "ok\n" })).route("/readyz", get(ready));
    let (dialects, over_http) = match dialects {
        HttpDialects::Shared(dialects, over_http) => (dialects, over_http),
        HttpDialects::Own(dialect, over_http) => {
            let anywhere = upgrading(dialect);
            let mut routes = health.route("/", anywhere.clone()).route("/{*path}", anywhere.clone());
            for (_, path) in over_http.iter().flat_map(|dialect| dialect.routes()) {
                routes = routes.route(path, anywhere.clone());
            }
            routes = over_http.iter().fold(routes, requests);
            let origins = app.origins.cors();
            return routes.layer(origins).with_state(app);
        }
    };
    let mut routes = health
        .route("/v1/engines", get(engines))
        .route("/v1/engines/{file}/release", post(release))
        .route("/v1/failures", get(failures))
        .route("/v1/presets", get(presets))
        .route("/v1/status", get(status))
        .route("/v1/streams", get(streams))
        .route("/v1/streams/{id}/end", post(end))
        .route("/metrics", get(metrics));
    let hint = streams_are_at(dialects);
    if app.has_page {
        routes = with_page(routes, &hint);
    }
    for dialect in dialects {
        for path in dialect.paths() {
            routes = routes.route(path, upgrading(dialect));
        }
    }
    routes = over_http.iter().fold(routes, requests);
    let origins = app.origins.cors();
    let not_found = move || ready_now((StatusCode::NOT_FOUND, hint.clone()));
    routes.fallback(not_found).layer(origins).with_state(app)
}

/// Builds the routes of a listener with nothing but the requests of one dialect.
pub(super) fn of_requests(app: App, dialect: &Arc<dyn RestDialect>) -> Router {
    requests(Router::new(), dialect).with_state(app)
}

/// The answer at an unknown path. It helps clients that look for the WebSocket.
fn streams_are_at(dialects: &[Arc<dyn Dialect>]) -> String {
    if dialects.is_empty() {
        return "there is nothing at this path; this is an engine host: clients connect to a front\n".to_owned();
    }
    let streams = dialects.iter().flat_map(|dialect| dialect.paths().iter().map(|path| (*path, dialect.name())));
    let streams: Vec<_> = streams.map(|(path, name)| format!("{path} ({name})")).collect();
    format!("there is nothing at this path; WebSocket streams are at {}\n", streams.join(", "))
}

/// Adds the routes of a dialect over plain HTTP.
fn requests(mut routes: Router<App>, dialect: &Arc<dyn RestDialect>) -> Router<App> {
    for (method, path) in dialect.routes() {
        let Ok(method) = MethodFilter::try_from(method.clone()) else { continue };
        let dialect = Arc::clone(dialect);
        let handler = move |State(app): State<App>, request: Request| rest::answer(Arc::clone(&dialect), app, request);
        routes = routes.route(path, on(method, handler));
    }
    routes
}

fn upgrading(dialect: &Arc<dyn Dialect>) -> MethodRouter<App> {
    let dialect = Arc::clone(dialect);
    get(move |State(app): State<App>, request: Request| upgrade(Arc::clone(&dialect), app, request))
}

/// Returns 200 from when the plugin directories have been scanned until the server is asked to stop; on a front, while an
/// engine host is connected.
async fn ready(State(app): State<App>) -> (StatusCode, &'static str) {
    match app.state() {
        ServerState::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "stopping\n"),
        ServerState::Starting => (StatusCode::SERVICE_UNAVAILABLE, "scanning the plugin directories\n"),
        ServerState::Ready if app.sessions.engine_hosts().is_some_and(|hosts| !hosts.is_any_connected()) => {
            (StatusCode::SERVICE_UNAVAILABLE, "no engine host is connected\n")
        }
        ServerState::Ready => (StatusCode::OK, "ready\n"),
    }
}

async fn engines(State(app): State<App>, _: Operator) -> Json<EnginesReport> {
    Json(EnginesReport { backends: app.registry.backends(), files: app.registry.report() })
}

/// Releases a plugin file from quarantine.
async fn release(State(app): State<App>, _: Operator, Path(file): Path<String>) -> (StatusCode, String) {
    if app.registry.release(&file) {
        tracing::info!(file, "released from quarantine");
        (StatusCode::OK, format!("{file} was released from quarantine\n"))
    } else {
        (StatusCode::NOT_FOUND, format!("no plugin file `{file}` is in quarantine\n"))
    }
}

/// Lists the presets that the caller may use.
async fn presets(State(app): State<App>, Authenticated(caller): Authenticated) -> Json<PresetsReport> {
    let mut presets = app.catalog.report(caller.is_operator());
    presets.retain(|preset| caller.may_use(&preset.name));
    Json(PresetsReport { presets })
}

async fn status(State(app): State<App>, _: Operator) -> Json<StatusReport> {
    Json(StatusReport {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        state: app.state(),
        connections: app.metrics.connections().get(),
        max_connections: app.connections.max(),
        memory_bytes: resident_bytes(std::process::id()),
        status: app.sessions.status(),
        engine_hosts: app.sessions.engine_hosts().map(|hosts| hosts.report()).unwrap_or_default(),
    })
}

/// Ends a stream, after its last words.
async fn end(State(app): State<App>, Operator(by): Operator, Path(id): Path<String>) -> (StatusCode, String) {
    if app.sessions.registry().end(&id) {
        tracing::info!(stream = id, key = by.key_name(), peer = %by.address, "an operator ends the stream");
        (StatusCode::OK, format!("stream {id} ends after its last words\n"))
    } else {
        (StatusCode::NOT_FOUND, format!("no stream `{id}` is open\n"))
    }
}

async fn failures(State(app): State<App>, _: Operator) -> Json<FailuresReport> {
    Json(FailuresReport { failures: app.sessions.failures().report() })
}

async fn streams(State(app): State<App>, _: Operator) -> Json<StreamsReport> {
    Json(StreamsReport { streams: app.sessions.registry().report() })
}
