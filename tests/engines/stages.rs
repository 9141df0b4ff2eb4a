//! Stages behind engines: turns, changed and withheld text, and the recovery of engine and stages together.

#![cfg(unix)]

use auricle_tests::{Client, Host, Setup, bytes, library, noise, stage_library, tone_segments};
use serde_json::{Value, json};

/// A piece of the audio, in samples.
const PIECE: usize = 16_000;

/// Noise and silence in turn, five seconds.
fn talk() -> Vec<i16> {
    let silence = vec![0; PIECE];
    [noise(1, PIECE), silence.clone(), noise(2, PIECE), silence, noise(3, PIECE)].concat()
}

/// A preset of the engine `faulty` with stages.
fn preset(stages: Value, mut host: Value) -> Value {
    host["open"] = json!([
        "fault",
        "at",
        "after_chunks",
        "faulty-stage.fault",
        "faulty-stage.hold",
        "faulty-stage.after_segments",
        "silence-turn.silence_seconds"
    ]);
    json!({"backend": "faulty", "stages": stages, "host": host})
}

fn turns() -> Value {
    json!({"stage": "silence-turn", "vad": "energy", "silence_seconds": 0.5, "eager_seconds": 0.2, "update_seconds": 0.4})
}

fn both() -> Value {
    preset(json!([turns(), {"stage": "faulty-stage", "hold": true}]), json!({}))
}

fn setup() -> Setup {
    Setup::new()
        .plugin(&library("tone"))
        .plugin(&library("faulty"))
        .plugin(&stage_library("silence-turn"))
        .preset("both", &both())
}

/// Runs a stream with these options; returns the client after the server has closed.
fn hear(host: &Host, preset: &str, options: Value) -> Client {
    let mut client = Client::start(host, preset, json!({"pace": "file", "options": options}));
    client.audio_in_frames(&bytes(&talk()), 4_000);
    client.say(&json!({"type": "finish"}));
    client.to_end();
    client
}

/// All that clients get of a stream, except partials, numbers and its id.
fn story(client: &Client) -> Vec<Value> {
    let told = client.heard.iter().filter(|event| !["ready", "partial"].contains(&event["type"].as_str().unwrap()));
    let mut told: Vec<_> = told.cloned().collect();
    told.iter_mut().for_each(|event| drop(event.as_object_mut().unwrap().remove("seq")));
    told
}

fn marked(audio: &[i16]) -> Vec<String> {
    tone_segments(audio, PIECE).into_iter().map(|text| text + "!").collect()
}

#[test]
fn turns_are_told_and_text_is_changed_and_none_is_lost() {
    let host = setup().start();
    let client = hear(&host, "both", json!({}));
    assert_eq!(client.texts(), marked(&talk()));
    let of = |kind: &str| client.events(kind);
    let numbers = |kind: &str| of(kind).iter().map(|event| event["turn"].as_u64().unwrap()).collect::<Vec<_>>();
    assert_eq!((numbers("turn_started"), numbers("turn_ended")), (vec![1, 2, 3], vec![1, 2, 3]));
    assert_eq!(numbers("turn_eager_end"), [1, 2]);
    let triggers: Vec<_> = of("turn_ended").iter().map(|event| event["trigger"].clone()).collect();
    assert_eq!(triggers, ["model", "model", "manual"]);
    let times: Vec<_> = of("turn_started").iter().map(|event| event["time"].as_f64().unwrap()).collect();
    for (time, expected) in times.iter().zip([0.0, 2.0, 4.0]) {
        assert!((time - expected).abs() < 0.15, "{times:?}");
    }
    assert!(of("turn_update").len() >= 3);
    let ready = &of("ready")[0];
    assert!(ready["capabilities"].as_array().unwrap().contains(&json!("turns")), "{ready}");
    // A longer pause than there is, by the client's own wish.
    let client = hear(&host, "both", json!({"silence-turn.silence_seconds": 2.0}));
    assert_eq!((client.events("turn_started").len(), client.events("turn_ended").len()), (1, 1));
    assert_eq!(client.events("turn_resumed").len(), 2);
}

#[test]
fn engine_and_stages_are_recovered_together() {
    let host = setup().settings("[limits]\nquarantine_streams = 100").start();
    let uncut = story(&hear(&host, "both", json!({})));
    for chunk in [11, 16, 23, 37] {
        let client = hear(&host, "both", json!({"fault": "sigsegv", "after_chunks": chunk}));
        assert_eq!(story(&client), uncut, "after {chunk} chunks");
    }
    // At the restart point itself, and by a stage.
    let at = json!({"fault": "sigkill", "at": "reported", "after_chunks": 10});
    assert_eq!(story(&hear(&host, "both", at)), uncut);
    let by_stage = json!({"faulty-stage.fault": "sigsegv", "faulty-stage.after_segments": 2});
    assert_eq!(story(&hear(&host, "both", by_stage)), uncut);
    let of_stage = |report: &String| report.contains("event of a stage");
    host.wait_for("the report", || host.crash_reports().iter().any(of_stage));
}

#[test]
fn a_turn_that_the_client_ended_is_not_ended_again_by_a_recovery() {
    let host = setup().start();
    let run = |options: Value| {
        let mut client = Client::open(&host, "both", json!({"pace": "file", "options": options}));
        let audio = bytes(&talk());
        // 24 chunks: in the second turn, and after the second restart point.
        let (before, after) = audio.split_at(2 * 24 * 1_600);
        client.audio_in_frames(before, 4_000);
        client.say(&json!({"type": "end_turn"}));
        while client.until("turn_ended")["trigger"] != "manual" {}
        client.audio_in_frames(after, 4_000);
        client.finish();
        client
    };
    let uncut = run(json!({}));
    assert_eq!(uncut.texts(), marked(&talk()));
    assert_eq!(uncut.events("turn_started").len(), 4, "speech that goes on is the next turn");
    for chunk in [25, 27] {
        let cut = run(json!({"fault": "sigsegv", "after_chunks": chunk}));
        assert_eq!(story(&cut), story(&uncut), "after {chunk} chunks");
    }
}

#[test]
fn a_reset_and_a_flush_begin_anew() {
    let host = setup().start();
    let mut client = Client::open(&host, "both", json!({}));
    client.audio(&bytes(&noise(1, PIECE)));
    client.say(&json!({"type": "flush"}));
    client.until("flushed");
    assert_eq!(client.events("turn_ended")[0]["trigger"], "manual");
    client.audio(&bytes(&noise(2, PIECE)));
    let second = client.until("turn_started");
    assert_eq!(second["turn"], 2);
    client.say(&json!({"type": "reset"}));
    client.until("ready");
    client.audio(&bytes(&noise(3, PIECE)));
    assert_eq!(client.finish().last(), marked(&noise(3, PIECE)).last());
    let turns: Vec<_> = client.events("turn_started").iter().map(|event| event["turn"].clone()).collect();
    assert_eq!(turns, [1, 2, 1]);
}

#[test]
fn what_a_stage_did_wrong_is_said() {
    let host = setup().preset("plain", &json!({"backend": "tone"})).start();
    for (fault, detail) in [("error", "the error asked for"), ("panic", "panicked at")] {
        let options = json!({"faulty-stage.fault": fault, "faulty-stage.after_segments": 2});
        let message = hear(&host, "both", options).fails("engine_error", 4500);
        assert!(message.starts_with("the stage `faulty-stage` failed in event;"), "{fault}: {message}");
        let line = ["the stage `faulty-stage` failed in event", detail];
        host.wait_for("the detail", || host.logged(&line) > 0);
    }
    let options = json!({"silence-turn.silence_seconds": 0.1});
    let message = hear(&host, "both", options).fails("invalid_option", 4405);
    assert_eq!(message, "stage `silence-turn`: field `eager_seconds`: must be less than `silence_seconds`");
    let options = json!({"silence-turn.silence_seconds": "long"});
    let message = hear(&host, "both", options).fails("invalid_option", 4405);
    assert!(message.starts_with("stage `silence-turn`: field `silence_seconds`: "), "{message}");
    let options = json!({"silence-turn.vad": "energy"});
    hear(&host, "both", options).fails("forbidden_field", 4403);
    let mut none = Client::open(&host, "plain", json!({}));
    none.say(&json!({"type": "end_turn"}));
    assert!(none.fails("bad_message", 4400).contains("finds no turns"));
}

#[test]
fn presets_with_wrong_stages_are_refused() {
    let with = |stages: Value| json!({"backend": "tone", "stages": stages});
    let host = setup()
        .preset("unknown", &with(json!([{"stage": "nobody"}])))
        .preset("field", &with(json!([{"stage": "silence-turn", "silence_seconds": "long"}])))
        .preset("rate", &json!({"backend": "tone", "sample_rate": 8_000, "stages": [turns()]}))
        .start();
    for (preset, problem) in [
        ("unknown", "needs the stage `nobody`, which is not registered"),
        ("field", "stage `silence-turn`: field `silence_seconds`: "),
    ] {
        let message = Client::start(&host, preset, json!({})).fails("engine_unavailable", 4503);
        assert!(message.contains(problem), "{message}");
    }
    Client::start(&host, "rate", json!({})).fails("engine_unavailable", 4503);
    let problem = ["stage `silence-turn` works with audio of 16000 Hz only, and this model has 8000 Hz"];
    host.wait_for("the reason", || host.logged(&problem) > 0);
}

#[test]
fn stages_work_in_batches_and_in_the_servers_process() {
    let mut batches = both();
    batches["max_batch"] = json!(4);
    let inside = preset(json!([turns(), {"stage": "faulty-stage", "hold": true}]), json!({"isolation": "in-process"}));
    let host = setup().preset("batches", &batches).preset("inside", &inside).start();
    let alone = story(&hear(&host, "both", json!({})));
    assert_eq!(story(&hear(&host, "inside", json!({}))), alone);
    std::thread::scope(|scope| {
        let streams: Vec<_> = (0..6).map(|_| scope.spawn(|| story(&hear(&host, "batches", json!({}))))).collect();
        for stream in streams {
            assert_eq!(stream.join().unwrap(), alone);
        }
    });
}

#[test]
fn stages_are_listed() {
    let host = setup().start();
    let name = stage_library("silence-turn").file_name().unwrap().to_str().unwrap().to_owned();
    let file = host.wait_for_file(&name, |file| file["state"] == "registered");
    assert_eq!((&file["backends"], &file["stages"]), (&json!([]), &json!(["silence-turn"])));
    let preset = host.wait_for_preset("both", |preset| preset["state"] != "unavailable");
    assert_eq!(preset["stages"], json!(["silence-turn", "faulty-stage"]));
    assert_eq!(preset["options"]["silence-turn.silence_seconds"]["default"], json!(0.5));
}
