//! The dashboard and the alert rules name metrics that exist.

use crate::exposition::{Format, read};
use auricle_tests::{Client, Setup, bytes, library, noise};
use serde_json::json;
use std::{collections::BTreeSet, fs, path::Path};

/// Metrics that appear after rare events or with TLS only; other tests cause them.
const RARE: [&str; 3] = [
    "auricle_certificate_expiry_timestamp_seconds",
    "auricle_log_lines_dropped_total",
    "auricle_worker_restarts_total",
];

/// The names of metrics in a text.
fn names(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("auricle_") || word.starts_with("process_")).collect()
}

#[test]
fn dashboard_and_alerts_use_metrics_that_exist() {
    let host = Setup::new()
        .plugin(&library("tone"))
        .plugin(&library("faulty"))
        .preset("tone", &json!({"backend": "tone"}))
        .preset("faulty", &json!({"backend": "faulty", "host": {"open": ["fault"]}}))
        .start();
    let mut client = Client::open(&host, "tone", json!({}));
    // The load of a model is known after some seconds of audio.
    client.audio(&bytes(&noise(1, 160_000)));
    host.wait_for("the load", || host.get("/metrics").1.contains("auricle_model_load_ratio{"));
    Client::start(&host, "absent", json!({})).fails("unknown_preset", 4404);
    let mut failing = Client::open(&host, "faulty", json!({"options": {"fault": "error"}}));
    failing.audio(&bytes(&noise(1, 16_000)));
    failing.fails("engine_error", 4500);
    let families = read(&host.get("/metrics").1, Format::Plain);
    let exists = |name: &str| {
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
        families.contains_key(family) || RARE.contains(&name)
    };
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging");
    for (file, at_least) in [("grafana/auricle.json", 15), ("prometheus/alerts.yaml", 10)] {
        let text = fs::read_to_string(packaging.join(file)).unwrap();
        let names = names(&text);
        assert!(names.len() >= at_least, "{names:?}");
        let missing: Vec<_> = names.iter().filter(|name| !exists(name)).collect();
        assert!(missing.is_empty(), "{file}: {missing:?}");
    }
    let dashboard = fs::read_to_string(packaging.join("grafana/auricle.json")).unwrap();
    serde_json::from_str::<serde_json::Value>(&dashboard).unwrap();
}
