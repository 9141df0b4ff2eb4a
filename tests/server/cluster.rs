//! Fronts and engine hosts: what a front serves, and where its streams go.

mod deaths;
mod trust;

use crate::deepgram_recordings::interleaved;
use auricle_tests::{Client, Host, Setup, bytes, library, noise, tone_segments};
use serde_json::{Value, json};
use std::fs;

const KEY: &str = "the key of the cluster in these tests";
/// Two seconds: twenty chunks, two segments.
const SAMPLES: usize = 32_000;

/// The engine `tone`, with a field that clients may set.
fn tone() -> Setup {
    Setup::new().plugin(&library("tone")).preset("tone", &json!({"backend": "tone", "host": {"open": ["lan"]}}))
}

/// An engine host whose fronts connect to this address, with further settings.
fn engine_at(setup: Setup, address: &str, more: &str) -> Host {
    fs::write(setup.path("configs/cluster.key"), KEY).unwrap();
    let settings = format!("[cluster]\nlisten = \"{address}\"\nkey = \"cluster.key\"\n{more}");
    setup.role("engine").settings(&settings).start()
}

/// An engine host on a port of its own.
fn engine(setup: Setup) -> Host {
    engine_at(setup, "127.0.0.1:0", "")
}

/// Where the fronts of an engine host connect.
fn address(engine: &Host) -> String {
    engine.listener(1)
}

/// A front of these engine hosts, to be started.
fn front_of(addresses: &[String], key: &str) -> (Setup, String) {
    let setup = Setup::new().role("front");
    fs::write(setup.path("configs/cluster.key"), key).unwrap();
    let settings = format!("[cluster]\nengines = {addresses:?}\nkey = \"cluster.key\"\n");
    (setup, settings)
}

/// A front that is connected to all of these engine hosts.
fn front(engines: &[&Host]) -> Host {
    let addresses: Vec<_> = engines.iter().map(|engine| address(engine)).collect();
    let (setup, settings) = front_of(&addresses, KEY);
    let front = setup.settings(&settings).start();
    wait_for_engines(&front, engines.len());
    front
}

/// What a front says of its engine hosts.
fn engine_hosts(front: &Host) -> Vec<Value> {
    front.json("/v1/status")["engine_hosts"].as_array().cloned().unwrap_or_default()
}

/// Waits until so many engine hosts are connected, and their presets known.
fn wait_for_engines(front: &Host, count: usize) {
    let is_there = || front.json("/v1/presets")["presets"].as_array().is_some_and(|presets| !presets.is_empty());
    let connected = || engine_hosts(front).iter().filter(|host| host["connected"] == true).count();
    front.wait_for("the engine hosts", || connected() == count && is_there());
}

fn open_streams(host: &Host) -> Vec<String> {
    let report = host.json("/v1/streams");
    report["streams"].as_array().unwrap().iter().map(|stream| stream["stream"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_front_has_the_presets_of_its_engine_hosts_and_spreads_the_streams() {
    let engines = [engine(tone()), engine(tone())];
    let front = front(&[&engines[0], &engines[1]]);
    let preset = front.preset_report("tone").unwrap();
    assert_eq!((&preset["backend"], preset["options"]["lan"]["type"].as_str()), (&json!("tone"), Some("string")));
    let mut clients: Vec<_> = (0..4).map(|_| Client::open(&front, "tone", json!({}))).collect();
    let ids: Vec<_> = clients.iter().map(|client| client.heard[0]["stream"].as_str().unwrap().to_owned()).collect();
    let hosted: Vec<_> = engines.iter().map(open_streams).collect();
    assert_eq!(hosted.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2], "{hosted:?}");
    assert!(ids.iter().all(|id| hosted.concat().contains(id)), "{ids:?} {hosted:?}");
    for (seed, client) in (0..).zip(&mut clients) {
        let audio = noise(seed, SAMPLES + 100 * seed as usize);
        client.audio_in_frames(&bytes(&audio), 4_000);
        assert_eq!(client.finish(), tone_segments(&audio, 16_000));
    }
    for id in &ids {
        front.wait_for_log(&["stream ended", id, "outcome=\"done\""], 1);
        let of_engines =
            || engines.iter().map(|engine| engine.logged(&["stream ended", id, "outcome=\"done\""])).sum::<usize>();
        front.wait_for("the engine host's line", || of_engines() == 1);
    }
    let status = front.json("/v1/status");
    assert_eq!(status["presets"][0]["accepting"], true, "{status}");
}

#[test]
fn flush_reset_and_options_reach_the_engine() {
    let engine = engine(tone());
    let front = front(&[&engine]);
    let audio = noise(5, SAMPLES);
    let mut client = Client::open(&front, "tone", json!({"options": {"lan": "fr"}}));
    client.audio(&bytes(&audio[..20_000]));
    client.say(&json!({"type": "flush"}));
    client.until("flushed");
    assert_eq!(client.texts(), tone_segments(&audio[..20_000], 16_000));
    client.say(&json!({"type": "reset"}));
    client.until("ready");
    client.audio(&bytes(&audio));
    let texts = client.finish();
    assert_eq!(texts[2..], tone_segments(&audio, 16_000));
    assert!(client.events("segment").iter().all(|segment| segment["language"] == "fr"), "{:?}", client.heard);
    let mut client = Client::start(&front, "tone", json!({"options": {"segment_chunks": 3}}));
    assert!(client.fails("forbidden_field", 4403).contains("`segment_chunks` is not open"));
    let mut client = Client::start(&front, "tone", json!({"options": {"lan": 7}}));
    client.fails("invalid_option", 4405);
}

#[test]
fn each_channel_of_a_client_is_a_stream_of_an_engine_host() {
    let engines = [engine(tone()), engine(tone())];
    let front = front(&[&engines[0], &engines[1]]);
    let speakers = [noise(1, SAMPLES), noise(2, SAMPLES)];
    let mut client = Client::open(&front, "tone", json!({"channels": 2, "multichannel": true}));
    assert_eq!(engines.iter().map(|engine| open_streams(engine).len()).sum::<usize>(), 2);
    client.audio_in_frames(&bytes(&interleaved(&[&speakers[0], &speakers[1]])), 4_000);
    client.finish();
    for (channel, speaker) in speakers.iter().enumerate() {
        let segments = client.events("segment").into_iter().filter(|segment| segment["channel"] == channel);
        let texts: Vec<_> = segments.map(|segment| segment["text"].as_str().unwrap().to_owned()).collect();
        assert_eq!(texts, tone_segments(speaker, 16_000), "channel {channel}");
    }
}

#[test]
fn an_engine_host_serves_fronts_only_and_says_so() {
    let engine = engine(tone());
    let (status, text) = engine.get("/v1/stream");
    assert_eq!(status, 404);
    assert!(text.contains("this is an engine host: clients connect to a front"), "{text}");
    assert_eq!(engine.json("/v1/status")["presets"][0]["name"], "tone");
    let front = front(&[&engine]);
    assert_eq!(front.get("/readyz").0, 200);
    drop(front);
    engine.wait_for("the front to go", || engine.json("/v1/status")["connections"] == 1);
}

#[test]
fn full_engine_hosts_refuse_new_streams_and_other_faults_keep_their_codes() {
    let faulty = json!({"backend": "faulty", "host": {"open": ["fault", "at", "after_chunks"], "max_streams": 1}});
    let setup = tone().plugin(&library("faulty")).preset("faulty", &faulty);
    let engine = engine(setup);
    let front = front(&[&engine]);
    let audio = bytes(&noise(1, SAMPLES));
    let run = |options: Value| {
        let mut client = Client::start(&front, "faulty", json!({"options": options}));
        client.audio_in_frames(&audio, 4_000);
        client.say(&json!({"type": "finish"}));
        client
    };
    let message = run(json!({"fault": "error", "at": "process_iter", "after_chunks": 15})).fails("engine_error", 4500);
    assert!(message.contains("the engine failed in process_iter"), "{message}");
    // A worker that crashes is replaced on the engine host.
    let mut client = run(json!({"fault": "sigsegv", "at": "process_iter", "after_chunks": 15}));
    assert_eq!(client.finish(), tone_segments(&noise(1, SAMPLES), 16_000));
    assert_eq!((front.logged(&["continuing"]), engine.logged(&["continuing with a new processor"])), (0, 1));
    let _open = Client::open(&front, "faulty", json!({}));
    engine.wait_for("the stream", || open_streams(&engine).len() == 1);
    front.wait_for("a full engine host", || front.json("/v1/status")["presets"][0]["room"] == 0);
    let message = Client::start(&front, "faulty", json!({})).fails("overloaded", 4430);
    assert!(message.contains("all engine hosts of preset `faulty` are full"), "{message}");
}
