//! The HTTP routes.

use super::{App, upgrade};
use crate::{catalog::PresetReport, plugins::FileReport};
use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, post},
};
use serde::{Deserialize, Serialize};

/// Answer of `GET /v1/engines`.
#[derive(Debug, Serialize, Deserialize)]
pub struct EnginesReport {
    /// The backends served.
    pub backends: Vec<String>,
    /// What became of every file in the plugin directories.
    pub files: Vec<FileReport>,
}

/// Answer of `GET /v1/presets`.
#[derive(Debug, Serialize, Deserialize)]
pub struct PresetsReport {
    /// By name.
    pub presets: Vec<PresetReport>,
}

pub(super) fn routes(app: App) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/v1/engines", get(engines))
        .route("/v1/engines/{file}/release", post(release))
        .route("/v1/presets", get(presets))
        .route("/v1/stream", get(upgrade::stream))
        .with_state(app)
}

/// 200 once the plugin directories have been looked at and until the server is asked to stop.
async fn ready(State(app): State<App>) -> (StatusCode, &'static str) {
    if app.stopping.is_cancelled() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping\n")
    } else if !*app.settled.borrow() {
        (StatusCode::SERVICE_UNAVAILABLE, "looking for plugins\n")
    } else {
        (StatusCode::OK, "ready\n")
    }
}

async fn engines(State(app): State<App>) -> Json<EnginesReport> {
    Json(EnginesReport { backends: app.registry.backends(), files: app.registry.report() })
}

/// Lifts the quarantine of a plugin file.
async fn release(State(app): State<App>, Path(file): Path<String>) -> (StatusCode, String) {
    if app.registry.release(&file) {
        tracing::info!(file, "quarantine lifted");
        (StatusCode::OK, format!("{file} is released\n"))
    } else {
        (StatusCode::NOT_FOUND, format!("no plugin file `{file}` is in quarantine\n"))
    }
}

async fn presets(State(app): State<App>) -> Json<PresetsReport> {
    Json(PresetsReport { presets: app.catalog.report() })
}
