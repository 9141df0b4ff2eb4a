//! The metrics match what happened, and no text from a client becomes a label.

use auricle_tests::{Client, Host, Setup, bytes, library, noise};
use serde_json::json;
use std::collections::BTreeMap;

fn host() -> Host {
    let open = ["fault", "after_chunks", "times", "seconds"];
    Setup::new()
        .plugin(&library("tone"))
        .plugin(&library("faulty"))
        .preset("tone", &json!({"backend": "tone"}))
        .preset("faulty", &json!({"backend": "faulty", "host": {"open": open}}))
        .settings("[limits]\nreport_lag_seconds = 0.5")
        .start()
}

/// The samples, by name and labels. Every other line must be a comment.
fn samples(host: &Host) -> BTreeMap<String, f64> {
    let (status, text) = host.get("/metrics");
    assert_eq!(status, 200);
    assert!(text.ends_with("# EOF\n"), "{text}");
    let lines = text.lines().filter(|line| !line.starts_with("# "));
    lines
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(name.starts_with("auricle_"), "{line}");
            (name.to_owned(), value.parse().unwrap())
        })
        .collect()
}

fn sample(host: &Host, name: &str) -> f64 {
    samples(host).get(name).copied().unwrap_or(0.0)
}

#[test]
fn streams_their_audio_and_their_delays_are_measured() {
    let host = host();
    let labels = "{preset=\"tone\",engine=\"tone\"}";
    let of_tone = |name: &str| sample(&host, &format!("auricle_{name}{labels}"));
    let mut live = Client::open(&host, "tone", json!({}));
    assert_eq!((of_tone("streams_open"), of_tone("streams_total")), (1.0, 1.0));
    assert!(sample(&host, "auricle_connections") >= 2.0);
    live.audio_in_frames(&bytes(&noise(1, 40_000)), 3_200);
    let segments = live.finish().len() as f64;
    host.wait_for("the end", || of_tone("streams_open") == 0.0);
    assert_eq!(of_tone("audio_seconds_total"), 2.5);
    assert_eq!(of_tone("segment_delay_seconds_count"), segments);
    let partials = live.events("partial").len() as f64;
    assert!(partials > 0.0 && of_tone("partial_delay_seconds_count") == partials);

    // The delays of a file do not show how fast the server answers.
    let mut file = Client::open(&host, "tone", json!({"pace": "file"}));
    file.audio(&bytes(&noise(1, 16_000)));
    file.finish();
    host.wait_for("the end", || of_tone("streams_open") == 0.0);
    assert_eq!((of_tone("streams_total"), of_tone("audio_seconds_total")), (2.0, 3.5));
    assert_eq!(of_tone("segment_delay_seconds_count"), segments);

    let calls = |call: &str| {
        let labels = format!("{{preset=\"tone\",engine=\"tone\",call=\"{call}\"}}");
        sample(&host, &format!("auricle_engine_call_seconds_count{labels}"))
    };
    // 25 and 10 chunks of a tenth of a second.
    assert_eq!((calls("processor"), calls("process_iter"), calls("finish")), (2.0, 35.0, 2.0));
    assert_eq!(of_tone("queue"), 0.0);
}

#[test]
fn lag_and_queue_are_seen_while_they_last() {
    let host = host();
    let labels = "{preset=\"faulty\",engine=\"faulty\"}";
    let slow = json!({"options": {"fault": "sleep", "seconds": 1.0, "times": 1_000}});
    let mut clients: Vec<_> = (0..3).map(|_| Client::open(&host, "faulty", slow.clone())).collect();
    for client in &mut clients {
        client.audio(&bytes(&noise(1, 32_000)));
    }
    clients[0].until("lag");
    assert!(sample(&host, &format!("auricle_lag_seconds{labels}")) >= 0.5);
    // One thread for three streams: as soon as the audio of another stream arrives, it waits.
    host.wait_for("a queue", || sample(&host, &format!("auricle_queue{labels}")) >= 1.0);
    drop(clients);
    host.wait_for("the end", || !samples(&host).contains_key(&format!("auricle_lag_seconds{labels}")));
}

#[test]
fn refusals_and_failures_are_counted_by_reason() {
    let host = host();
    for name in ["no-such-preset", "\"} 1\nauricle_evil 1", "Ω"] {
        Client::start(&host, name, json!({})).fails("unknown_preset", 4404);
    }
    assert!(Client::knock(&host, "", &[("Origin", "https://evil.example")]).is_err());
    let mut client = Client::open(&host, "faulty", json!({"options": {"fault": "error", "after_chunks": 2}}));
    client.audio(&bytes(&noise(1, 16_000)));
    client.fails("engine_error", 4500);
    let mut client = Client::open(&host, "tone", json!({}));
    client.say(&json!({"type": "start"}));
    client.fails("bad_message", 4400);
    let all = samples(&host);
    let counts: BTreeMap<_, _> =
        all.iter().filter(|(name, _)| name.contains("refusals") || name.contains("failures")).collect();
    let expected = [
        ("auricle_refusals_total{reason=\"origin\"}", 1.0),
        ("auricle_refusals_total{reason=\"unknown_preset\"}", 3.0),
        ("auricle_stream_failures_total{preset=\"faulty\",engine=\"faulty\",code=\"engine_error\"}", 1.0),
        ("auricle_stream_failures_total{preset=\"tone\",engine=\"tone\",code=\"bad_message\"}", 1.0),
    ];
    let counts: Vec<_> = counts.into_iter().map(|(name, value)| (name.as_str(), *value)).collect();
    assert_eq!(counts, expected);
    assert!(!all.keys().any(|name| name.contains("no-such") || name.contains("evil")), "{all:?}");
}
