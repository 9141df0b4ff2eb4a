//! The stage `smart-turn` in a running server: turns of speech, what clients may set, and recovery.

#![cfg(unix)]

use auricle_tests::{Client, Host, Setup, bytes, fixture, library, models, runtime, stage_library, wav};
use serde_json::{Value, json};
use std::fs;

const SECOND: usize = 16_000;

/// A sentence, a pause, and another sentence.
fn speech() -> Vec<i16> {
    let (_, demo) = wav(&fixture("demo.wav"));
    let pause = [0; 4 * SECOND];
    [&[0; SECOND], &demo[4 * SECOND..8 * SECOND], &pause, &demo[8 * SECOND..11 * SECOND], &pause].concat()
}

/// The example of a preset, and one of an engine that fails on demand.
fn setup() -> Setup {
    let example = models().join("../plugins/smart-turn/preset.json");
    let example: Value = serde_json::from_str(&fs::read_to_string(example).unwrap()).unwrap();
    let stage = json!({
        "stage": "smart-turn", "pause_seconds": 0.1, "eager_threshold": 0.05, "end_threshold": 0.9,
        "silence_seconds": 2.0, "update_seconds": 0.5,
    });
    let host = json!({"open": ["fault", "at", "after_chunks"]});
    Setup::new()
        .plugin(&library("onnx"))
        .plugin(&library("tone"))
        .plugin(&library("faulty"))
        .plugin(&stage_library("smart-turn"))
        .resource(&models())
        .resource(&runtime())
        .preset("example", &example)
        .preset("faulty", &json!({"backend": "faulty", "stages": [stage], "host": host}))
}

fn hear(host: &Host, preset: &str, frame: usize, options: Value) -> Client {
    let mut client = Client::start(host, preset, json!({"pace": "file", "options": options}));
    client.audio_in_frames(&bytes(&speech()), frame);
    client.say(&json!({"type": "finish"}));
    client.to_end();
    client
}

/// What clients get of turns.
fn turns(client: &Client) -> Vec<Value> {
    let of_turn = |event: &&Value| event["type"].as_str().unwrap().starts_with("turn_");
    let mut turns: Vec<_> = client.heard.iter().filter(of_turn).cloned().collect();
    turns.iter_mut().for_each(|turn| drop(turn.as_object_mut().unwrap().remove("seq")));
    turns
}

#[test]
fn sentences_are_turns_however_they_are_sent() {
    let host = setup().start();
    let client = hear(&host, "example", 3_200, json!({}));
    let (started, ended) = (client.events("turn_started"), client.events("turn_ended"));
    assert_eq!((started.len(), ended.len()), (2, 2), "{:?}", turns(&client));
    for (start, end) in started.iter().zip(&ended) {
        assert_eq!((&start["turn"], &end["trigger"]), (&end["turn"], &json!("model")), "{end}");
        assert!(end["confidence"].as_f64().unwrap() >= 0.5, "{end}");
    }
    let told = turns(&client);
    for frame in [640, 50_000] {
        assert_eq!(turns(&hear(&host, "example", frame, json!({}))), told, "{frame}");
    }
    // Nothing is sure enough for this client, so only the pause ends its turns.
    let patient = json!({"smart-turn.end_threshold": 0.99, "smart-turn.silence_seconds": 2.5});
    let client = hear(&host, "example", 3_200, patient);
    assert!(client.events("turn_ended").iter().any(|end| end["trigger"] == "timeout"), "{:?}", turns(&client));
}

#[test]
fn turns_go_on_in_another_worker() {
    let host = setup().settings("[limits]\nquarantine_streams = 100").start();
    let uncut = turns(&hear(&host, "faulty", 3_200, json!({})));
    assert!(uncut.len() > 4, "{uncut:?}");
    for chunk in [25, 47, 90, 120] {
        let cut = hear(&host, "faulty", 3_200, json!({"fault": "sigsegv", "after_chunks": chunk}));
        assert_eq!(turns(&cut), uncut, "after {chunk} chunks");
    }
}
