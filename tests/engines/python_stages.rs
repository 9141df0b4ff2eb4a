//! Stages in Python behind engines: a real interpreter in the engine's worker, with its sandbox.
//!
//! The environment is made with pip. Where that is impossible, the tests are skipped.

#![cfg(unix)]

use auricle_tests::{Client, Host, PublishedClients, Setup, bytes, library, noise, tone_segments};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// A piece of the audio, in samples; the engine reports a text for each.
const PIECE: usize = 16_000;

fn environment() -> Option<PathBuf> {
    PublishedClients("python-engines").environment()
}

/// An entry of a preset for a loader in the tests' module.
fn stage(venv: &Path, loader: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("engines/python").canonicalize().unwrap();
    json!({"stage": "python", "module": "test_stages", "loader": loader, "venv": venv, "path": folder})
}

fn preset(stage: Value) -> Value {
    let open = ["fault", "at", "after_chunks", "python.options"];
    json!({"backend": "faulty", "stages": [stage], "host": {"open": open}})
}

fn setup() -> Setup {
    let setup = Setup::new().plugin(&library("faulty")).plugin(&library("python"));
    setup.settings("[limits]\nquarantine_streams = 100")
}

fn talk() -> Vec<i16> {
    let quiet: Vec<i16> = noise(2, PIECE).iter().map(|sample| sample / 10).collect();
    [noise(1, PIECE), quiet, vec![0; PIECE], noise(3, PIECE)].concat()
}

fn hear(host: &Host, preset: &str, options: Value) -> Client {
    let mut client = Client::start(host, preset, json!({"pace": "file", "options": options}));
    client.audio_in_frames(&bytes(&talk()), 4_000);
    client.say(&json!({"type": "finish"}));
    client.to_end();
    client
}

/// The final texts, and how loud the stage found them.
fn told(client: &Client) -> Vec<Value> {
    client.events("segment").iter().map(|event| json!([event["text"], event["extra"]["loudest"]])).collect()
}

fn expected() -> Vec<Value> {
    let talk = talk();
    let loudest = |piece: &[i16]| piece.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
    let level = |piece| (f64::from(loudest(piece)) / 32_768.0 * 1_000.0).round() / 1_000.0;
    tone_segments(&talk, PIECE)
        .into_iter()
        .zip(talk.chunks(PIECE))
        .map(|(text, piece)| json!([text, level(piece)]))
        .collect()
}

#[test]
fn a_stage_hears_changes_and_withholds_and_is_recovered_with_its_engine() {
    let Some(venv) = environment() else { return };
    let host = setup().preset("holding", &preset(stage(&venv, "HoldingLoader"))).start();
    assert_eq!(told(&hear(&host, "holding", json!({}))), expected());
    host.wait_for_log(&["the stage may read these files", "python-engines"], 1);
    for chunk in [11, 17, 38] {
        let options = json!({"fault": "sigkill", "after_chunks": chunk});
        assert_eq!(told(&hear(&host, "holding", options)), expected(), "after {chunk} chunks");
    }
    // By the stage: in a stream that is repeated, the third text is the first one of this process.
    let by_stage = json!({"python.options": {"fault": "os-exit", "at": 3}});
    assert_eq!(told(&hear(&host, "holding", by_stage)), expected());
}

#[test]
fn exceptions_end_the_stream_and_are_logged_with_their_place() {
    let Some(venv) = environment() else { return };
    let host = setup().preset("holding", &preset(stage(&venv, "HoldingLoader"))).start();
    for (fault, detail) in [
        ("exception", "KeyError: 'the exception asked for' (test_stages.py, line"),
        ("exit", "SystemExit: the exit asked for (test_stages.py, line"),
    ] {
        let message = hear(&host, "holding", json!({"python.options": {"fault": fault}})).fails("engine_error", 4500);
        assert!(message.starts_with("the stage `python` failed in event;"), "{message}");
        host.wait_for_log(&["the stage `python` failed in event", detail], 1);
    }
    host.wait_for("the traceback", || host.logged(&["in fail"]) >= 2);
    let nonsense = json!({"python.options": {"fault": "nonsense"}});
    hear(&host, "holding", nonsense).fails("engine_error", 4500);
    host.wait_for_log(&["the stage `python` failed in event", "`event` returned an object of type `int`"], 1);
    assert_eq!(told(&hear(&host, "holding", json!({}))), expected());
    assert!(host.crash_reports().is_empty());
}

#[test]
fn an_engine_and_a_stage_share_an_interpreter_and_turns_are_told() {
    let Some(venv) = environment() else { return };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("engines/python").canonicalize().unwrap();
    let engine = json!({
        "backend": "python", "module": "test_engines", "loader": "CountingLoader", "venv": venv, "path": folder,
        "model": "none", "max_streams": 2, "depth": {"of": 1}, "stages": [stage(&venv, "TurnsLoader")],
    });
    let host = setup().preset("both", &engine).start();
    let client = hear(&host, "both", json!({}));
    let of = |kind: &str| client.events(kind);
    let segments = of("segment");
    assert!(!segments.is_empty() && segments.iter().all(|event| event["extra"]["engine"] == true), "{segments:?}");
    let numbers = |kind: &str| of(kind).iter().map(|event| event["turn"].as_u64().unwrap()).collect::<Vec<_>>();
    let expected: Vec<u64> = (1..=segments.len() as u64).collect();
    assert_eq!((numbers("turn_started"), numbers("turn_ended")), (expected.clone(), expected));
    let ended = &of("turn_ended")[0];
    assert_eq!((&ended["trigger"], &ended["time"], &ended["confidence"]), (&json!("model"), &json!(1.0), &json!(0.5)));
    let mut client = Client::open(&host, "both", json!({}));
    client.say(&json!({"type": "end_turn"}));
    client.finish();
    host.wait_for_log(&["printed", "the client ends a turn"], 1);
}

#[test]
fn a_stage_needs_init_only_and_what_is_wrong_is_said() {
    let Some(venv) = environment() else { return };
    let mut absent = stage(&venv, "HoldingLoader");
    absent["module"] = json!("nobody");
    let host = setup()
        .preset("passing", &preset(stage(&venv, "PassingLoader")))
        .preset("no-init", &preset(stage(&venv, "NoInitLoader")))
        .preset("rate", &preset(stage(&venv, "OtherRateLoader")))
        .preset("absent", &preset(absent))
        .preset("class", &preset(stage(&venv, "Nobody")))
        .start();
    assert_eq!(hear(&host, "passing", json!({})).texts(), tone_segments(&talk(), PIECE));
    for (preset, problem) in [
        ("no-init", "stage `python`: TypeError: the stream, of type `object`, has no method `init`"),
        ("rate", "stage `python` works with audio of 8000 Hz only, and this model has 16000 Hz"),
        ("absent", "stage `python`: field `module`: there is no module `nobody`"),
        ("class", "has no class `Nobody`; its classes are"),
    ] {
        Client::start(&host, preset, json!({})).fails("engine_unavailable", 4503);
        host.wait_for("the reason", || host.logged(&[problem]) > 0);
    }
}
