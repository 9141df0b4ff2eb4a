//! `GET /metrics`: the counted metrics, and those that are measured when they are asked for.
//!
//! The format is the one that the client prefers (RFC 9110, 12.5.1): OpenMetrics if it asks for it, else the older text
//! format.

use super::{app::App, caller::Operator, process};
use auricle_core::metrics::TextFormat;
use auricle_engines::plugins::FileState;
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use prometheus_client::{
    metrics::{family::Family, gauge::Gauge, info::Info},
    registry::{Registry, Unit},
};
use std::sync::atomic::AtomicU64;

type Labels = Vec<(&'static str, String)>;
type Numbers = Family<Labels, Gauge>;
type Floats = Family<Labels, Gauge<f64, AtomicU64>>;

pub(super) async fn metrics(State(app): State<App>, _: Operator, headers: HeaderMap) -> Response {
    let (format, kind) = match prefers_openmetrics(&headers) {
        true => (TextFormat::OpenMetrics, "application/openmetrics-text; version=1.0.0; charset=utf-8"),
        false => (TextFormat::Plain, "text/plain; version=0.0.4; charset=utf-8"),
    };
    match app.metrics.encode(&measure(&app), format) {
        Ok(text) => ([(header::CONTENT_TYPE, kind)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// The metrics that are measured now.
fn measure(app: &App) -> Registry {
    let mut all = Registry::default();
    process::measure(&mut all);
    let ours = all.sub_registry_with_prefix("auricle");
    ours.register("build", "The server's version", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
    let limit = |most: usize| {
        let gauge = Gauge::<i64>::default();
        gauge.set(i64::try_from(most).unwrap_or(i64::MAX));
        gauge
    };
    ours.register("streams_limit", "Largest number of open streams", limit(app.sessions.max_streams()));
    ours.register("connections_limit", "Largest number of open connections", limit(app.connections.max()));
    models(app, ours);
    presets(app, ours);
    plugins(app, ours);
    if let Some(hosts) = app.sessions.engine_hosts() {
        let connected = Numbers::default();
        for host in hosts.report() {
            connected.get_or_create(&vec![("engine_host", host.address)]).set(i64::from(host.connected));
        }
        ours.register("engine_host_connected", "Whether each engine host of this front is connected", connected);
    }
    let expiry = Numbers::default();
    for certificate in app.certificates.iter().map(|certificate| certificate.get()) {
        if let Some(time) = certificate.not_after {
            expiry.get_or_create(&vec![("file", certificate.file.display().to_string())]).set(time);
        }
    }
    let help = "When the certificate expires, since 1970";
    ours.register_with_unit("certificate_expiry_timestamp", help, Unit::Seconds, expiry);
    all
}

fn models(app: &App, ours: &mut Registry) {
    let (lag, load) = (Floats::default(), Floats::default());
    let labels = |preset: &str, engine: &str| vec![("preset", preset.to_owned()), ("engine", engine.to_owned())];
    for ((preset, engine), seconds) in app.sessions.registry().greatest_lags() {
        lag.get_or_create(&labels(&preset, &engine)).set(seconds);
    }
    let waiting = Numbers::default();
    for ((preset, engine), streams) in app.sessions.registry().waiting() {
        waiting.get_or_create(&labels(&preset, &engine)).set(i64::try_from(streams).unwrap_or(i64::MAX));
    }
    ours.register("streams_waiting", "Open streams whose connection broke, and which wait for their clients", waiting);
    for status in app.sessions.status().presets {
        if let Some(share) = status.load {
            load.get_or_create(&labels(&status.name, &status.backend)).set(share);
        }
    }
    let help = "How long audio has waited for the engine, of the live stream furthest behind";
    ours.register_with_unit("lag", help, Unit::Seconds, lag);
    let help = "Share of the time that the model's threads are busy with its live streams, estimated";
    ours.register_with_unit("model_load", help, Unit::Other("ratio".to_owned()), load);
}

fn presets(app: &App, ours: &mut Registry) {
    let states = Numbers::default();
    for preset in app.catalog.report(false) {
        for (version, state) in preset.versions() {
            let labels = vec![("preset", preset.name.clone()), ("version", version.into()), ("state", state.into())];
            states.get_or_create(&labels).set(1);
        }
    }
    let help = "1 for the state of each preset, and of the version that is to take over if there is one";
    ours.register("preset_state", help, states);
}

fn plugins(app: &App, ours: &mut Registry) {
    let (files, report) = (Numbers::default(), app.registry.report());
    for state in FileState::ALL {
        let count = report.iter().filter(|file| file.state == state).count();
        files.get_or_create(&vec![("state", state.name().to_owned())]).set(i64::try_from(count).unwrap_or(i64::MAX));
    }
    ours.register("plugin_files", "Plugin files by state", files);
}

/// Whether the client asks for OpenMetrics, and does not prefer plain text.
fn prefers_openmetrics(headers: &HeaderMap) -> bool {
    let (mut openmetrics, mut plain) = (0.0, 0.0);
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    for range in accepted.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default();
        let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(Ok(1.0), str::parse::<f64>);
        match kind.to_ascii_lowercase().as_str() {
            "application/openmetrics-text" => openmetrics = quality.unwrap_or(0.0).max(openmetrics),
            "text/plain" => plain = quality.unwrap_or(0.0).max(plain),
            _ => {}
        }
    }
    openmetrics > 0.0 && openmetrics >= plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn the_format_is_the_one_that_is_preferred() {
        let prefers = |accept: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            prefers_openmetrics(&headers)
        };
        // As Prometheus 2 and 3 send it.
        assert!(prefers("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.1"));
        assert!(prefers("Application/OpenMetrics-Text; version=1.0.0"));
        assert!(!prefers("application/openmetrics-text;q=0.2, text/plain;q=0.3"));
        for accept in ["text/plain", "*/*", "", "application/openmetrics-text;q=0", "text/html"] {
            assert!(!prefers(accept), "{accept}");
        }
        assert!(!prefers_openmetrics(&HeaderMap::new()));
    }
}
