//! Stages behind the C interface, behind engines of a real server: the example, C++ exceptions, invalid tables, tables of earlier and
//! later versions, and recovery after the worker's death.

#![cfg(target_os = "linux")]

use auricle_tests::{
    Client, Host, Setup, bytes, c_headers, compile_engine, compile_level, library, noise, tone_segments,
};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// A piece of the audio, in samples; the engine reports a text for each.
const PIECE: usize = 16_000;
const LEVEL: &str = "liblevel.so";

/// Loud noise, noise at a hundredth of it, silence, and loud noise.
fn talk() -> Vec<i16> {
    let quiet: Vec<i16> = noise(2, PIECE).iter().map(|sample| sample / 100).collect();
    [noise(1, PIECE), quiet, vec![0; PIECE], noise(3, PIECE)].concat()
}

/// How loud a piece is, as the example says it.
fn level(audio: &[i16]) -> f64 {
    let energy: f64 = audio.iter().map(|sample| (f64::from(*sample) / 32_768.0).powi(2)).sum();
    (10.0 * (energy / audio.len() as f64 + 1e-12).log10()).max(-120.0)
}

/// A server with this stage behind the engine `faulty`.
fn host(stage: &Path, entry: Value) -> Host {
    let of_stage = if entry["stage"] == "held" { "held.fault" } else { "level.least_db" };
    let open = ["fault", "at", "after_chunks", of_stage];
    let preset = json!({"backend": "faulty", "stages": [entry], "host": {"open": open}});
    let setup = Setup::new().plugin(&library("faulty")).plugin(stage).settings("[limits]\nquarantine_streams = 100");
    setup.preset("staged", &preset).start()
}

fn with_level(stage: &Path) -> Host {
    host(stage, json!({"stage": "level"}))
}

/// Runs a stream with these options; returns the client after the server has closed.
fn hear(host: &Host, options: Value) -> Client {
    let mut client = Client::start(host, "staged", json!({"pace": "file", "options": options}));
    client.audio_in_frames(&bytes(&talk()), 4_000);
    client.say(&json!({"type": "finish"}));
    client.to_end();
    client
}

/// The final texts with their levels.
fn told(client: &Client) -> Vec<Value> {
    client.events("segment").iter().map(|event| json!([event["text"], event["extra"]["level_db"]])).collect()
}

fn expected(least: f64) -> Vec<Value> {
    let talk = talk();
    let pieces = tone_segments(&talk, PIECE).into_iter().zip(talk.chunks(PIECE).map(level));
    let pieces = pieces.filter(|(_, level)| *level >= least);
    pieces.map(|(text, level)| json!([text, (level * 10.0).round() / 10.0])).collect()
}

#[test]
fn the_example_is_compiled_marks_texts_and_withholds_quiet_ones() {
    let folder = tempfile::tempdir().unwrap();
    let host = with_level(&compile_level(folder.path(), &[], &[]));
    let file = host.wait_for_file(LEVEL, |file| file["state"] == "registered");
    assert_eq!((&file["backends"], &file["stages"]), (&json!([]), &json!(["level"])), "{file}");
    assert_eq!(told(&hear(&host, json!({}))), expected(-120.0));
    host.wait_for_log(&["levels are measured"], 1);
    let some = hear(&host, json!({"level.least_db": -30.0}));
    assert_eq!((told(&some), some.texts().len()), (expected(-30.0), 2));
    // The schema holds for stages in C too.
    let message = hear(&host, json!({"level.least_db": 7})).fails("invalid_option", 4405);
    assert!(message.starts_with("stage `level`: field `least_db`: "), "{message}");
}

#[test]
fn stages_of_earlier_and_later_versions_serve_streams() {
    let folder = tempfile::tempdir().unwrap();
    // As a header that has no `files` yet.
    let earlier = compile_level(
        folder.path(),
        &[("save, restore, NULL };", "save, restore };")],
        &[(
            "    /* The files that the stage reads, as in auricle_engine. */\n    auricle_status (*files)(const auricle_host *host, const \
             auricle_config *config, auricle_reply *reply);\n} auricle_stage;",
            "} auricle_stage;",
        )],
    );
    assert_eq!(told(&hear(&with_level(&earlier), json!({}))), expected(-120.0));
    let later = compile_level(
        folder.path(),
        &[
            ("save, restore, NULL };", "save, restore, NULL, NULL, 7 };"),
            // A kind of event that this server does not know, and a function that its sink does not have.
            (
                "    sink->event(sink, &marked);\n",
                "    marked.speaker = \"S1\";\n    sink->event(sink, &marked);\n    marked.kind = 77;\n    sink->event(sink, &marked);\n    \
                 if (AURICLE_HAS(sink, keyword)) sink->keyword(sink, fields);\n",
            ),
        ],
        &[
            ("} auricle_event;", "    const char *speaker;\n    double energy;\n} auricle_event;"),
            ("} auricle_stage;", "    void *a_function;\n    uint64_t a_number;\n} auricle_stage;"),
            (
                "    int (*cancelled)(auricle_stage_sink *sink);\n",
                "    int (*cancelled)(auricle_stage_sink *sink);\n    void (*keyword)(auricle_stage_sink *sink, const char *word);\n",
            ),
            ("#define AURICLE_API_MINOR 0", "#define AURICLE_API_MINOR 7"),
        ],
    );
    assert_eq!(told(&hear(&with_level(&later), json!({}))), expected(-120.0));
    // Without the optional functions everything passes. Otherwise the compiler warns that nobody uses them.
    let least = compile_level(
        folder.path(),
        &[
            ("init, audio, event, NULL, NULL, save, restore, NULL };", "init };"),
            ("static auricle_status audio", "auricle_status audio"),
            ("static auricle_status event", "auricle_status event"),
            ("static auricle_status save", "auricle_status save"),
            ("static auricle_status restore", "auricle_status restore"),
            (
                "static const auricle_stage stage = {",
                "#pragma GCC diagnostic ignored \"-Wmissing-field-initializers\"\nstatic const auricle_stage stage = {",
            ),
        ],
        &[],
    );
    assert_eq!(hear(&with_level(&least), json!({})).texts(), tone_segments(&talk(), PIECE));
}

#[test]
fn invalid_tables_are_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |edits: &[(&str, &str)], reason: &str| {
        let host = with_level(&compile_level(folder.path(), edits, &[]));
        let file = host.wait_for_file(LEVEL, |file| file["state"] == "refused");
        let found = file["reason"].as_str().unwrap();
        assert!(found.contains(reason), "{found}");
    };
    // Not static: otherwise the compiler warns that nobody uses it.
    refused(
        &[
            ("static auricle_status open", "auricle_status open"),
            ("open, free, init, audio", "NULL, free, init, audio"),
        ],
        "stage 1 of its table has no function `open`",
    );
    refused(&[("sizeof stage, \"level\"", "24, \"level\"")], "has 24 bytes: the required functions take");
    refused(&[("\"{\\\"properties\\\"", "\"{\\\"properties")], "has a schema that is not valid");
    refused(&[("NULL, 0, stages, 1 }", "NULL, 0, stages, 0 }")], "exports no engine and no stage");
    refused(&[("NULL, 0, stages, 1 }", "NULL, 0, stages, 1000 }")], "its table of stages is not valid: 1000 stages");
    refused(&[("NULL, 0, stages, 1 }", "NULL, 3, stages, 1 }")], "its table of engines is not valid: 3 engines");
    refused(&[("sizeof stage, \"level\"", "sizeof stage, \"a level\"")], "a stage's name");
}

#[test]
fn the_example_is_recovered_with_its_engine() {
    let folder = tempfile::tempdir().unwrap();
    let host = with_level(&compile_level(folder.path(), &[], &[]));
    // Restart points are reported once a second; chunks have a tenth.
    for chunk in [11, 17, 24, 38] {
        let options = json!({"fault": "sigkill", "after_chunks": chunk, "level.least_db": -60.0});
        assert_eq!(told(&hear(&host, options)), expected(-60.0), "after {chunk} chunks");
    }
    let at = json!({"fault": "sigsegv", "at": "reported", "after_chunks": 10});
    assert_eq!(told(&hear(&host, at)), expected(-120.0));
}

/// `held.cpp`, compiled.
fn held(folder: &Path) -> PathBuf {
    let library = folder.join("libheld.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("c_engines/held.cpp");
    compile_engine(&source, &c_headers(), &library);
    library
}

#[test]
fn a_stage_in_cpp_saves_what_it_withholds_and_its_exceptions_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let host = host(&held(folder.path()), json!({"stage": "held"}));
    let all = tone_segments(&talk(), PIECE);
    assert_eq!(hear(&host, json!({})).texts(), all);
    for chunk in [11, 24, 38] {
        let options = json!({"fault": "sigkill", "after_chunks": chunk});
        assert_eq!(hear(&host, options).texts(), all, "after {chunk} chunks");
    }
    for (fault, message) in [
        ("exception", "other: the exception asked for"),
        ("error", "model: the error asked for"),
        ("number", "other: an exception that is no std::exception"),
    ] {
        let mut client = hear(&host, json!({"held.fault": fault}));
        assert!(client.fails("engine_error", 4500).starts_with("the stage `held` failed in event;"), "{fault}");
        host.wait_for_log(&["the stage `held` failed in event", message], 1);
    }
    let mut client = Client::open(&host, "staged", json!({}));
    client.audio(&bytes(&talk()[..PIECE]));
    client.say(&json!({"type": "end_turn"}));
    let turn = client.until("turn_ended");
    assert_eq!((&turn["trigger"], &turn["turn"], &turn["time"]), (&json!("manual"), &json!(1), &json!(1.0)), "{turn}");
}
