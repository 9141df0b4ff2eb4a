//! The metrics match what happened, and no text from a client becomes a label.

use crate::exposition::{Format, read};
use auricle_tests::{Client, Host, Setup, bytes, library, limit, noise};
use serde_json::json;
use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::TcpStream,
};

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

/// The samples, by name and labels.
fn samples(host: &Host) -> BTreeMap<String, f64> {
    let (status, text) = host.get("/metrics");
    assert_eq!(status, 200);
    let families = read(&text, Format::Plain);
    assert!(families.keys().all(|name| name.starts_with("auricle_") || name.starts_with("process_")), "{text}");
    families.into_values().flat_map(|family| family.samples).collect()
}

/// Content type and body of the metrics in the format that is asked for.
fn ask(host: &Host, accept: &str) -> (String, String) {
    let mut socket = TcpStream::connect(host.address()).unwrap();
    socket.set_read_timeout(Some(limit())).unwrap();
    let request = format!("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: {accept}\r\n\r\n");
    socket.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let kind = head.lines().find_map(|line| line.strip_prefix("content-type: ")).unwrap();
    (kind.to_owned(), body.to_owned())
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
    // A sum of parts, which depend on how the audio arrives.
    let seconds = || (of_tone("audio_seconds_total") * 1e6).round() / 1e6;
    assert_eq!(seconds(), 2.5);
    assert_eq!(of_tone("segment_delay_seconds_count"), segments);
    let partials = live.events("partial").len() as f64;
    assert!(partials > 0.0 && of_tone("partial_delay_seconds_count") == partials);

    // The delays of a file do not show how fast the server answers.
    let mut file = Client::open(&host, "tone", json!({"pace": "file"}));
    file.audio(&bytes(&noise(1, 16_000)));
    file.finish();
    host.wait_for("the end", || of_tone("streams_open") == 0.0);
    assert_eq!((of_tone("streams_total"), seconds()), (2.0, 3.5));
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

#[test]
fn both_formats_are_as_prometheus_wants_them_and_say_the_same() {
    let host = host();
    let mut client = Client::open(&host, "tone", json!({}));
    client.audio(&bytes(&noise(1, 20_000)));
    client.until("segment");
    Client::start(&host, "no-such-preset", json!({})).fails("unknown_preset", 4404);
    let (kind, text) = ask(&host, "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5");
    assert_eq!(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let new = read(&text, Format::OpenMetrics);
    let (kind, text) = ask(&host, "text/plain");
    assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
    let old = read(&text, Format::Plain);
    let names = |families: BTreeMap<String, crate::exposition::Family>| -> Vec<_> {
        families.into_values().flat_map(|family| family.samples.into_keys()).collect()
    };
    let (mut new, mut old) = (names(new), names(old));
    new.sort();
    old.sort();
    assert_eq!(new, old);
    assert!(new.len() > 50, "{new:?}");
}

#[test]
fn the_server_its_workers_and_its_files_are_measured() {
    let setup = Setup::new().plugin(&library("tone")).preset("tone", &json!({"backend": "tone"}));
    std::fs::write(setup.path("plugins/broken.so"), "not a library").unwrap();
    let host = setup.preset("broken", &json!({"backend": "none"})).settings("[limits]\nmax_streams = 7").start();
    assert_eq!(sample(&host, &format!("auricle_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"))), 1.0);
    let state = |preset: &str, state: &str| {
        sample(&host, &format!("auricle_preset_state{{preset=\"{preset}\",version=\"service\",state=\"{state}\"}}"))
    };
    assert_eq!((state("tone", "idle"), state("tone", "ready"), state("broken", "unavailable")), (1.0, 0.0, 1.0));
    let files = |state: &str| sample(&host, &format!("auricle_plugin_files{{state=\"{state}\"}}"));
    assert_eq!((files("registered"), files("quarantined")), (1.0, 0.0));
    assert_eq!(sample(&host, "auricle_streams_limit"), 7.0);
    let labels = "{preset=\"tone\",engine=\"tone\"}";
    let mut client = Client::open(&host, "tone", json!({}));
    assert_eq!((state("tone", "ready"), sample(&host, &format!("auricle_workers{labels}"))), (1.0, 1.0));
    // The load is known after some seconds of audio.
    client.audio(&bytes(&noise(1, 160_000)));
    host.wait_for("the load", || samples(&host).contains_key(&format!("auricle_model_load_ratio{labels}")));
    if cfg!(target_os = "linux") {
        let worker = format!("auricle_worker_memory_bytes{labels}");
        host.wait_for("the worker's memory", || sample(&host, &worker) > 1e5);
        assert!(sample(&host, "process_resident_memory_bytes") > 1e6);
        assert!(sample(&host, "process_open_fds") > 5.0);
        assert!(sample(&host, "process_cpu_seconds_total") >= 0.0);
        let start = sample(&host, "process_start_time_seconds");
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
        assert!((now - start).abs() < 3_600.0, "{start} {now}");
    }
}
