//! The HTTP routes.

use super::{
    app::App,
    caller::{Authenticated, Operator},
    dialects::Dialects,
    upgrade::upgrade,
};
use auricle_dialects::Dialect;
use auricle_engines::plugins::{FileReport, FirstScan};
use auricle_session::{PresetReport, StreamReport};
use axum::{
    Json, Router,
    extract::{Path, Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
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

/// The content type that Prometheus requires; it would take any other for an older format.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Builds the routes. If keys are required, any key may open streams and list presets, an operator's key may use all
/// routes, and the health checks need none.
pub(super) fn routes(app: App, dialects: &Dialects) -> Router {
    let health = Router::new().route("/healthz", get(|| async { "ok\n" })).route("/readyz", get(ready));
    let dialects = match dialects {
        Dialects::Shared(dialects) => dialects,
        Dialects::Own(dialect) => {
            let anywhere = upgrading(dialect);
            return health.route("/", anywhere.clone()).route("/{*path}", anywhere).with_state(app);
        }
    };
    let mut routes = health
        .route("/v1/engines", get(engines))
        .route("/v1/engines/{file}/release", post(release))
        .route("/v1/presets", get(presets))
        .route("/v1/streams", get(streams))
        .route("/metrics", get(metrics));
    for dialect in dialects {
        for path in dialect.paths() {
            routes = routes.route(path, upgrading(dialect));
        }
    }
    let origins = app.origins.cors();
    let hint = streams_are_at(dialects);
    let not_found = move || ready_now((StatusCode::NOT_FOUND, hint.clone()));
    routes.fallback(not_found).layer(origins).with_state(app)
}

/// The answer at an unknown path. It helps clients that look for the WebSocket.
fn streams_are_at(dialects: &[Arc<dyn Dialect>]) -> String {
    let streams = dialects.iter().flat_map(|dialect| dialect.paths().iter().map(|path| (*path, dialect.name())));
    let streams: Vec<_> = streams.map(|(path, name)| format!("{path} ({name})")).collect();
    format!("there is nothing at this path; WebSocket streams are at {}\n", streams.join(", "))
}

fn upgrading(dialect: &Arc<dyn Dialect>) -> MethodRouter<App> {
    let dialect = Arc::clone(dialect);
    get(move |State(app): State<App>, request: Request| upgrade(Arc::clone(&dialect), app, request))
}

/// Returns 200 from when the plugin directories have been scanned until the server is asked to stop.
async fn ready(State(app): State<App>) -> (StatusCode, &'static str) {
    if app.sessions.is_stopping() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping\n")
    } else if *app.first_scan.borrow() == FirstScan::Running {
        (StatusCode::SERVICE_UNAVAILABLE, "scanning the plugin directories\n")
    } else {
        (StatusCode::OK, "ready\n")
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

async fn streams(State(app): State<App>, _: Operator) -> Json<StreamsReport> {
    Json(StreamsReport { streams: app.sessions.registry().report() })
}

async fn metrics(State(app): State<App>, _: Operator) -> Response {
    app.metrics.set_presets(
        app.catalog
            .report(false)
            .iter()
            .flat_map(|preset| preset.versions().map(|(version, state)| (preset.name.clone(), version, state))),
    );
    match app.metrics.encode(&app.sessions.registry().greatest_lags()) {
        Ok(text) => ([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
