//! The access log: one line for each stream and each refusal, with what an operator looks for, and no words of anybody.

use auricle_tests::{Client, Host, Setup, bytes, library, noise, tone_segments};
use serde_json::{Value, json};
use std::{fs, process::Command};

fn setup() -> Setup {
    Setup::new()
        .plugin(&library("tone"))
        .plugin(&library("faulty"))
        .preset("tone", &json!({"backend": "tone"}))
        .preset("faulty", &json!({"backend": "faulty", "host": {"open": ["fault", "after_chunks", "seconds"]}}))
}

/// A host with its log as JSON.
fn start(setup: Setup) -> Host {
    let mut command: Command = setup.command();
    command.args(["--log-format", "json"]);
    setup.start_by(command)
}

/// The lines of the access log: their level, and their fields.
fn lines(host: &Host) -> Vec<(String, Value)> {
    let lines = host.log();
    let parsed = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let ours = parsed.filter(|line| line["target"] == "auricle::access");
    ours.map(|line| {
        assert!(line.get("spans").is_none(), "the stream is named twice: {line}");
        (line["level"].as_str().unwrap().to_owned(), line["fields"].clone())
    })
    .collect()
}

/// The lines, once there are so many; more are a mistake.
fn wait_for(host: &Host, count: usize) -> Vec<(String, Value)> {
    host.wait_for("the access log", || lines(host).len() >= count);
    let lines = lines(host);
    assert_eq!(lines.len(), count, "{lines:?}");
    lines
}

#[test]
fn a_stream_that_ends_has_one_line_without_its_words() {
    let host = start(setup());
    let audio = noise(1, 40_000);
    let mut client = Client::start(&host, "tone", json!({"pace": "file"}));
    let stream = client.until("ready")["stream"].clone();
    client.audio_in_frames(&bytes(&audio), 3_200);
    let texts = client.finish();
    let (level, line) = wait_for(&host, 1).remove(0);
    assert_eq!(level, "INFO");
    for (field, value) in [
        ("message", json!("stream ended")),
        ("stream", stream),
        ("outcome", json!("done")),
        ("close_code", json!(1000)),
        ("dialect", json!("native")),
        ("preset", json!("tone")),
        ("engine", json!("tone")),
        ("pace", json!("file")),
        ("peer", json!("127.0.0.1")),
        ("audio_seconds", json!(2.5)),
        ("max_lag_seconds", json!(0.0)),
        ("segments", json!(texts.len())),
    ] {
        assert_eq!(line[field], value, "{field} in {line}");
    }
    assert!(line["open_seconds"].as_f64() >= line["engine_seconds"].as_f64(), "{line}");
    assert!(line.get("key").is_none(), "{line}");
    assert!(!texts.is_empty() && !texts.iter().any(|text| host.log().contains(text)), "{texts:?}");
}

#[test]
fn who_left_first_is_said_and_never_of_a_stream_that_failed() {
    let host = start(setup());
    let mut client = Client::open(&host, "tone", json!({}));
    client.audio(&bytes(&noise(1, 16_000)));
    client.until("segment");
    client.vanish();
    let (level, line) = wait_for(&host, 1).remove(0);
    assert_eq!((level.as_str(), &line["outcome"], line.get("close_code")), ("INFO", &json!("client_gone"), None));
    assert_eq!(line["audio_seconds"], 1.0);

    let mut client = Client::open(&host, "faulty", json!({"options": {"fault": "error", "after_chunks": 2}}));
    client.audio(&bytes(&noise(1, 16_000)));
    client.until("error");
    client.vanish();
    let (level, line) = wait_for(&host, 2).remove(1);
    assert_eq!((level.as_str(), &line["outcome"], &line["close_code"]), ("WARN", &json!("engine_error"), &json!(4500)));
    host.wait_for_log(&["client_gone"], 1);
}

#[test]
fn the_engines_time_and_the_lag_are_in_the_line() {
    let host = start(setup());
    let slow = json!({"options": {"fault": "sleep", "seconds": 1.5, "after_chunks": 1}});
    let mut client = Client::open(&host, "faulty", slow);
    client.audio(&bytes(&noise(1, 40_000)));
    client.finish();
    let (_, line) = wait_for(&host, 1).remove(0);
    let seconds = |field: &str| line[field].as_f64().unwrap();
    assert!(seconds("engine_seconds") >= 1.5 && seconds("max_lag_seconds") >= 1.0, "{line}");
}

#[test]
fn each_refusal_has_one_line() {
    let setup = setup().settings("keys = \"keys.toml\"");
    fs::write(setup.path("configs/keys.toml"), "").unwrap();
    let keys = setup.path("configs/keys.toml");
    let new = auricle_tests::auricle().args(["key", "new", "alice", "--max-streams", "1", "--into"]).arg(keys).output();
    let key = String::from_utf8(new.unwrap().stdout).unwrap().trim().to_owned();
    let host = start(setup);
    let query = format!("?key={key}");
    assert_eq!(Client::knock(&host, "", &[]).err().unwrap().0, 401);
    assert_eq!(host.get(&format!("/metrics{query}")).0, 403);
    let mut client = Client::knock(&host, &query, &[]).unwrap();
    assert_eq!(Client::knock(&host, &query, &[]).err().unwrap().0, 429);
    client.say_start("x\ny", json!({}));
    client.fails("unknown_preset", 4404);
    let lines = wait_for(&host, 4);
    let expected = [
        json!({"reason": "unauthorized", "status": 401, "dialect": "native"}),
        json!({"reason": "not_operator", "status": 403, "key": "alice"}),
        json!({"reason": "key_streams", "status": 429, "dialect": "native", "key": "alice"}),
        json!({"reason": "unknown_preset", "close_code": 4404, "dialect": "native", "key": "alice", "preset": "x\ny"}),
    ];
    for ((level, mut line), mut expected) in lines.into_iter().zip(expected) {
        let message = line.as_object_mut().unwrap().remove("message").unwrap();
        expected["peer"] = json!("127.0.0.1");
        assert_eq!((level.as_str(), line), ("INFO", expected));
        assert!(message.as_str().unwrap().starts_with("refused: "), "{message}");
    }
}

#[test]
fn a_text_of_the_log_stays_on_its_line() {
    let host = setup().start();
    Client::start(&host, "x\n2026 ERROR forged", json!({})).fails("unknown_preset", 4404);
    host.wait_for_log(&["refused: ", "forged"], 1);
    assert!(!host.log().lines().any(|line| line.starts_with("2026 ERROR")));
    // The log of people has the same fields.
    let audio = noise(1, 20_000);
    let mut client = Client::open(&host, "tone", json!({}));
    client.audio(&bytes(&audio));
    assert_eq!(client.finish(), tone_segments(&audio, 16_000));
    host.wait_for_log(&["auricle::access: stream ended", "outcome=\"done\"", "peer=127.0.0.1"], 1);
}
