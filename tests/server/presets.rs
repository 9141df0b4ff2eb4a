//! Presets: their content, when changes take effect, and the fields that clients may change.

use auricle_tests::{Client, Host, Setup, bytes, library, noise, tone_segments};
use serde_json::{Value, json};
use std::fs;

fn with_tone() -> Setup {
    Setup::new().plugin(&library("tone")).preset("good", &json!({"backend": "tone"}))
}

/// The error message of a stream with these options.
fn fails(host: &Host, preset: &str, options: &Value, code: &str, close: u16) -> String {
    Client::start(host, preset, json!({"options": options})).fails(code, close)
}

fn streams(host: &Host, preset: &str) -> Client {
    let audio = noise(11, 20_000);
    let mut client = Client::open(host, preset, json!({}));
    client.audio(&bytes(&audio));
    assert_eq!(client.finish(), tone_segments(&audio, 16_000));
    client
}

/// Number of times that a model was loaded for the first `streams` streams.
fn loaded(host: &Host, streams: usize) -> usize {
    host.wait_for("the log", || host.logged(&["stream ended"]) >= streams);
    host.logged(&["model ready after"])
}

#[test]
fn only_names_of_presets_open_streams() {
    let host = with_tone().preset("other", &json!({"backend": "tone"})).start();
    for name in ["absent", "", "Good", "good.json", "../presets/good", "../auricle"] {
        let message = fails(&host, name, &json!({}), "unknown_preset", 4404);
        assert!(message.ends_with("there are: good, other"), "{message}");
    }
    streams(&host, "good");
}

#[test]
fn a_preset_that_is_not_in_order_says_why_and_leaves_the_others() {
    let wrong = [
        ("engine", json!({"backend": "absent"}), "needs the engine `absent`, which is not registered"),
        ("nameless", json!({"model": "x"}), "field `backend` is missing"),
        ("list", json!(["backend"]), "is not a JSON object"),
        ("key", json!({"backend": "tone", "host": {"opne": []}}), "`host.opne`"),
        ("value", json!({"backend": "tone", "host": {"concurrency": 0}}), "`host.concurrency`"),
        ("type", json!({"backend": "tone", "sample_rate": "fast"}), "field `sample_rate`"),
        ("range", json!({"backend": "tone", "segment_chunks": 0}), "field `segment_chunks`"),
        ("load", json!({"backend": "tone", "host": {"open": ["lan", "model"]}}), "lists `model`"),
        ("unheard", json!({"backend": "tone", "host": {"open": ["beam"]}}), "lists `beam`"),
    ];
    let setup = wrong.iter().fold(with_tone(), |setup, (name, preset, _)| setup.preset(name, preset));
    fs::write(setup.path("configs/presets/broken.json"), "{\"backend\": ").unwrap();
    fs::write(setup.path("configs/presets/.hidden.json"), "{}").unwrap();
    fs::write(setup.path("configs/presets/notes.txt"), "{}").unwrap();
    let host = setup.start();
    for (name, expected) in
        wrong.iter().map(|(name, _, expected)| (*name, *expected)).chain([("broken", "is not a JSON object")])
    {
        let report = host.preset_report(name).unwrap();
        let reason = report["reason"].as_str().unwrap_or_default();
        assert!(report["state"] == "unavailable" && reason.contains(expected), "{report}");
        assert_eq!(reason.lines().count(), 1, "{reason}");
        let message = fails(&host, name, &json!({}), "engine_unavailable", 4503);
        assert!(message.contains(expected), "{name}: {message}");
        host.wait_for("a line of the log", || host.logged(&[expected]) > 0);
    }
    assert_eq!(host.json("/v1/presets")["presets"].as_array().unwrap().len(), wrong.len() + 2);
    streams(&host, "good");
}

#[test]
fn a_changed_preset_is_for_new_streams_and_a_broken_one_changes_nothing() {
    let host = with_tone().start();
    let separator = |client: &Client| client.heard[0]["separator"].as_str().unwrap().to_owned();
    let of_new_streams = || {
        let mut client = Client::open(&host, "good", json!({}));
        client.finish();
        separator(&client)
    };
    let audio = noise(12, 20_000);
    let mut running = Client::open(&host, "good", json!({}));
    running.audio(&bytes(&audio[..3_000]));
    running.until("partial");
    assert_eq!(separator(&running), " ");

    host.preset("good", r#"{"backend": "tone", "separator": "-"}"#);
    host.wait_for("the change", || of_new_streams() == "-");

    host.preset("good", r#"{"backend": "tone", "separator": "+""#);
    let report = host.wait_for_preset("good", |preset| !preset["reason"].is_null());
    assert!(report["reason"].as_str().unwrap().contains("is not a JSON object"), "{report}");
    assert_ne!(report["state"], "unavailable");
    assert_eq!(of_new_streams(), "-");

    host.preset("good", r#"{"backend": "tone", "separator": "*"}"#);
    host.wait_for("the repair", || of_new_streams() == "*");
    assert_eq!(host.preset_report("good").unwrap()["reason"], Value::Null);

    fs::remove_file(host.path("configs/presets/good.json")).unwrap();
    host.wait_for("the removal", || host.preset_report("good").is_none());
    fails(&host, "good", &json!({}), "unknown_preset", 4404);
    running.audio(&bytes(&audio[3_000..]));
    assert_eq!(running.finish(), tone_segments(&audio, 16_000));

    host.preset("fresh", r#"{"backend": "tone"}"#);
    host.wait_for("the new one", || host.preset_report("fresh").is_some());
    streams(&host, "fresh");
}

#[test]
fn clients_set_open_fields_and_no_others() {
    let preset =
        json!({"backend": "tone", "lan": "de", "host": {"title": "Numbers", "open": ["lan", "segment_chunks"]}});
    let host = with_tone().preset("open", &preset).start();
    let report = host.preset_report("open").unwrap();
    assert_eq!((&report["title"], &report["backend"]), (&json!("Numbers"), &json!("tone")));
    let options = report["options"].as_object().unwrap();
    assert_eq!(options.keys().collect::<Vec<_>>(), ["lan", "segment_chunks"]);
    assert_eq!(options["segment_chunks"]["maximum"], 10_000);
    // What applies without them: the preset's own value, or the engine's.
    assert_eq!(options["lan"]["default"], "de");
    assert!(options["segment_chunks"]["default"].is_number(), "{options:?}");

    for (name, value) in [("work", json!(1)), ("model", json!("x")), ("backend", json!("x")), ("host", json!({}))] {
        let message = fails(&host, "open", &json!({name: value}), "forbidden_field", 4403);
        assert!(message.contains(&format!("`{name}`")) && message.contains("lan, segment_chunks"), "{message}");
    }
    let message = fails(&host, "good", &json!({"lan": "fr"}), "forbidden_field", 4403);
    assert!(message.ends_with("open are: none"), "{message}");
    for value in [json!("ten"), json!(0), json!(1.5), json!(null), json!([3])] {
        let message = fails(&host, "open", &json!({"segment_chunks": value}), "invalid_option", 4405);
        assert!(message.contains("`segment_chunks`"), "{message}");
    }

    // At the same time: the options of a stream do not affect others.
    let audio = noise(13, 9_000);
    let mut clients: Vec<_> = [json!({}), json!({"lan": "fr", "segment_chunks": 2}), json!({"lan": "it"})]
        .into_iter()
        .map(|options| Client::open(&host, "open", json!({"options": options})))
        .collect();
    for client in &mut clients {
        client.audio(&bytes(&audio));
    }
    for (mut client, (language, samples)) in clients.into_iter().zip([("de", 16_000), ("fr", 3_200), ("it", 16_000)]) {
        assert_eq!(client.finish(), tone_segments(&audio, samples));
        let segments = client.heard.iter().filter(|event| event["type"] == "segment");
        assert!(segments.map(|segment| &segment["language"]).all(|heard| heard == language));
    }
    assert_eq!(loaded(&host, 3), 1);
}

#[test]
fn presets_that_differ_in_stream_fields_alone_share_a_model() {
    let host = with_tone()
        .preset("language", &json!({"backend": "tone", "lan": "fr", "host": {"title": "t", "open": ["lan"]}}))
        .preset("default", &json!({"backend": "tone", "chunk_samples": 1_600}))
        .preset("separator", &json!({"backend": "tone", "separator": "-"}))
        .preset("unlisted", &json!({"backend": "tone", "beam": 4}))
        .preset("limited", &json!({"backend": "tone", "host": {"concurrency": 2}}))
        .start();
    let expected =
        [("good", 1), ("language", 1), ("default", 1), ("separator", 2), ("unlisted", 3), ("limited", 4), ("good", 4)];
    for (n, (preset, models)) in expected.into_iter().enumerate() {
        streams(&host, preset);
        assert_eq!(loaded(&host, n + 1), models, "{preset}");
    }
    // A field that the engine does not list is passed on: it may be new or misspelt.
    host.wait_for("the warning", || host.logged(&["WARN", "unlisted", "fields the engine does not list: beam"]) > 0);
    assert_eq!(host.logged(&["WARN", "fields the engine does not list"]), host.logged(&["list: beam"]));
}

#[test]
fn a_model_without_streams_is_unloaded() {
    let preset = |seconds: Option<f64>| json!({"backend": "tone", "host": {"unload_seconds": seconds}});
    // `shared` has the model of `kept`, which wants it to stay.
    let host = with_tone()
        .preset("brief", &json!({"backend": "tone", "separator": "-", "host": {"unload_seconds": 0.5}}))
        .preset("kept", &preset(None))
        .preset("shared", &preset(Some(0.5)))
        .start();
    streams(&host, "shared");
    let audio = noise(11, 20_000);
    let mut open = Client::open(&host, "brief", json!({}));
    open.audio(&bytes(&audio[..10_000]));
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    assert_eq!(host.preset_report("brief").unwrap()["state"], "ready");
    open.audio(&bytes(&audio[10_000..]));
    assert_eq!(open.finish(), tone_segments(&audio, 16_000));
    host.wait_for_preset("brief", |preset| preset["state"] == "idle");
    host.wait_for_log(&["model unloaded", "preset=\"brief\""], 1);
    streams(&host, "brief");
    for name in ["kept", "shared"] {
        assert_eq!(host.preset_report(name).unwrap()["state"], "ready");
    }
    host.wait_for_log(&["model ready after"], 3);
}

#[test]
fn a_model_is_loaded_at_the_first_stream_or_at_the_start() {
    let host = with_tone()
        .plugin(&library("faulty"))
        .preset("early", &json!({"backend": "tone", "separator": "-", "host": {"preload": true}}))
        .preset("failing", &json!({"backend": "faulty", "model_fault": "error", "host": {"preload": true}}))
        .start();
    host.wait_for_preset("early", |preset| preset["state"] == "ready");
    let report = host.wait_for_preset("failing", |preset| preset["state"] == "unavailable");
    assert!(report["reason"].as_str().unwrap().contains("the error asked for in Load"), "{report}");
    assert_eq!(host.preset_report("good").unwrap()["state"], "idle");
    streams(&host, "early");
    assert_eq!(loaded(&host, 1), 1);
    streams(&host, "good");
    assert_eq!(host.preset_report("good").unwrap()["state"], "ready");
    assert_eq!(loaded(&host, 2), 2);
    let message = fails(&host, "failing", &json!({}), "engine_unavailable", 4503);
    assert!(message.starts_with("the model of preset `failing` cannot be served; "), "{message}");
}

#[test]
fn a_preset_waits_for_its_engine() {
    let host = Setup::new().preset("good", &json!({"backend": "tone", "host": {"preload": true}})).start();
    let report = host.preset_report("good").unwrap();
    assert!(report["reason"].as_str().unwrap().contains("`tone`, which is not registered"), "{report}");
    let tone = library("tone");
    host.drop_in(&tone, tone.file_name().unwrap().to_str().unwrap());
    host.wait_for_preset("good", |preset| preset["state"] == "ready");
    streams(&host, "good");
}

/// The edits of a preset that leave the last good version in service, each with what is said about it.
fn broken_edits() -> Vec<(&'static str, &'static str)> {
    vec![
        (r#"{"backend": "faulty", "chunk_samples": "many"}"#, "`chunk_samples`: \"many\" is not of type"),
        (r#"{"backend": "faulty", "chunk_samples": 0}"#, "`chunk_samples`: 0 is less than the minimum"),
        (r#"{"backend": "faulty", "host": {"open": ["lagn"]}}"#, "lists `lagn`"),
        (r#"{"backend": "faulty", "host": {"concurrency": 0}}"#, "`host.concurrency`"),
        (r#"{"backend": "faulty""#, "is not a JSON object"),
        (r#"{"backend": "faultless"}"#, "needs the engine `faultless`"),
        (r#"{"backend": "faulty", "model_fault": "error"}"#, "the error asked for in Load"),
        (r#"{"backend": "faulty", "model_fault": "sigsegv"}"#, "crashed (SIGSEGV)"),
    ]
}

fn with_faulty(preset: &Value) -> Setup {
    Setup::new().plugin(&library("faulty")).plugin(&library("tone")).preset("p", preset)
}

/// What a stream on preset `p` says is its language: each version of the preset has its own.
fn language(host: &Host) -> String {
    let mut client = Client::open(host, "p", json!({}));
    client.audio(&bytes(&noise(21, 3_000)));
    client.finish();
    let segment = client.heard.iter().find(|event| event["type"] == "segment").unwrap();
    segment["language"].as_str().unwrap().to_owned()
}

fn refused(host: &Host) -> Value {
    host.wait_for_preset("p", |preset| preset["candidate"]["state"] == "refused")["candidate"].clone()
}

#[test]
fn whatever_is_wrong_with_a_changed_preset_its_predecessor_stays_in_service() {
    let host = with_faulty(&json!({"backend": "faulty", "lan": "good"})).start();
    assert_eq!(language(&host), "good");
    for (text, expected) in broken_edits() {
        host.preset("p", text);
        let report = host.wait_for_preset("p", |preset| {
            preset["candidate"]["reason"].as_str().is_some_and(|reason| reason.contains(expected))
        });
        assert_eq!((&report["state"], &report["candidate"]["state"]), (&json!("ready"), &json!("refused")), "{report}");
        assert_eq!(report["candidate"]["reason"].as_str().unwrap().lines().count(), 1);
        assert!(report["reason"].as_str().unwrap().contains(expected), "{report}");
        assert_eq!(language(&host), "good");
        let (_, metrics) = host.get("/metrics");
        for line in [
            r#"auricle_preset_state{preset="p",version="service",state="ready"} 1"#,
            r#"auricle_preset_state{preset="p",version="candidate",state="refused"} 1"#,
        ] {
            assert!(metrics.lines().any(|one| one == line), "{metrics}");
        }
        // Whatever else changes, it is said once.
        host.preset("other", r#"{"backend": "tone"}"#);
        host.wait_for("the other", || host.preset_report("other").is_some());
        fs::remove_file(host.path("configs/presets/other.json")).unwrap();
        host.wait_for("its removal", || host.preset_report("other").is_none());
        host.wait_for_log(&["ERROR", expected, "the previous version stays in service"], 1);
        host.preset("p", r#"{"backend": "faulty", "lan": "good"}"#);
        let report = host.wait_for_preset("p", |preset| preset["candidate"].is_null());
        assert_eq!((&report["state"], &report["reason"]), (&json!("ready"), &Value::Null));
    }
    host.wait_for_log(&["model ready after"], 1);
}

#[test]
fn without_a_predecessor_a_broken_preset_is_unavailable() {
    for (text, expected) in broken_edits() {
        let setup = with_faulty(&json!({"backend": "tone"}));
        fs::write(setup.path("configs/presets/p.json"), text).unwrap();
        let host = setup.start();
        let message = fails(&host, "p", &json!({}), "engine_unavailable", 4503);
        // Values of the preset are for the operator only.
        assert!(message.contains("preset `p`"), "{message}");
        let report = host.preset_report("p").unwrap();
        assert!(report["reason"].as_str().unwrap().contains(expected), "{report}");
        assert_eq!((&report["state"], &report["candidate"]), (&json!("unavailable"), &Value::Null));
        // Its repair is not left to the first stream.
        host.preset("p", r#"{"backend": "faulty", "lan": "good"}"#);
        host.wait_for_preset("p", |preset| preset["reason"].is_null() && preset["state"] != "unavailable");
        assert_eq!(language(&host), "good");
    }
}

#[test]
fn a_changed_preset_is_loaded_beside_its_predecessor_and_takes_over() {
    let host = with_faulty(&json!({"backend": "faulty", "lan": "one"})).start();
    let audio = noise(22, 20_000);
    let mut running = Client::open(&host, "p", json!({}));
    running.audio(&bytes(&audio[..3_000]));
    running.until("partial");
    // Stream fields alone: the same model, at once.
    host.preset("p", r#"{"backend": "faulty", "lan": "two", "host": {"title": "second"}}"#);
    host.wait_for_preset("p", |preset| preset["title"] == "second");
    assert_eq!(language(&host), "two");
    host.wait_for_log(&["loading model"], 1);
    // Slow to load. Until then the predecessor serves.
    let third = json!({"backend": "faulty", "lan": "three", "model_fault": "sleep", "model_seconds": 3,
        "host": {"title": "third", "open": ["lan"]}});
    host.preset("p", &third.to_string());
    let report = host.wait_for_preset("p", |preset| preset["candidate"]["state"] == "loading");
    assert_eq!((&report["title"], &report["state"]), (&json!("second"), &json!("ready")));
    assert_eq!(report["candidate"]["title"], "third");
    assert_eq!(report["candidate"]["options"].as_object().unwrap().keys().collect::<Vec<_>>(), ["lan"]);
    assert_eq!(language(&host), "two");
    let report = host.wait_for_preset("p", |preset| preset["candidate"].is_null());
    assert_eq!((&report["title"], &report["state"]), (&json!("third"), &json!("ready")));
    host.wait_for_log(&["loading model"], 2);
    assert_eq!(language(&host), "three");
    // The first stream still has its model and its language.
    running.audio(&bytes(&audio[3_000..]));
    running.finish();
    let mut segments = running.heard.iter().filter(|event| event["type"] == "segment").peekable();
    assert!(segments.peek().is_some() && segments.all(|segment| segment["language"] == "one"));
}

#[test]
fn the_first_stream_tries_the_candidate_of_an_idle_preset() {
    let host = with_faulty(&json!({"backend": "faulty", "lan": "one"})).start();
    host.preset("p", r#"{"backend": "faulty", "lan": "two", "model_fault": "error"}"#);
    let report = host.wait_for_preset("p", |preset| !preset["candidate"].is_null());
    assert_eq!((&report["state"], &report["candidate"]["state"]), (&json!("idle"), &json!("idle")));
    let streams: Vec<_> = std::thread::scope(|scope| {
        let streams: Vec<_> = (0..3).map(|_| scope.spawn(|| language(&host))).collect();
        streams.into_iter().map(|stream| stream.join().unwrap()).collect()
    });
    assert_eq!(streams, ["one", "one", "one"]);
    assert!(refused(&host)["reason"].as_str().unwrap().contains("the error asked for in Load"));
    host.wait_for_log(&["the error asked for in Load; the previous version stays in service"], 1);
    // Not tried again until the file changes, and then again.
    assert_eq!(language(&host), "one");
    host.wait_for_log(&["loading model"], 2);
    host.preset("p", r#"{"backend": "faulty", "lan": "two", "model_fault": "error"}"#);
    host.wait_for_log(&["loading model"], 3);

    let host = with_faulty(&json!({"backend": "faulty", "lan": "one"})).start();
    host.preset("p", r#"{"backend": "faulty", "lan": "two", "chunk_samples": 800}"#);
    host.wait_for_preset("p", |preset| preset["candidate"]["state"] == "idle");
    assert_eq!(language(&host), "two");
    host.wait_for_log(&["loading model"], 1);
    assert_eq!(host.preset_report("p").unwrap()["candidate"], Value::Null);
}

#[test]
fn a_preset_that_is_preloaded_has_its_candidate_tried_at_once() {
    let host = with_faulty(&json!({"backend": "faulty", "lan": "one", "host": {"preload": true}})).start();
    host.wait_for_preset("p", |preset| preset["state"] == "ready");
    host.preset("p", r#"{"backend": "faulty", "lan": "two", "model_fault": "panic", "host": {"preload": true}}"#);
    refused(&host);
    assert_eq!(language(&host), "one");
    host.preset("p", r#"{"backend": "faulty", "lan": "two", "chunk_samples": 800, "host": {"preload": true}}"#);
    host.wait_for_preset("p", |preset| preset["state"] == "ready" && preset["candidate"].is_null());
    assert_eq!(language(&host), "two");
    host.wait_for_log(&["loading model"], 3);
}

#[cfg(target_os = "linux")]
#[test]
fn a_candidate_waits_for_room_and_says_so() {
    // The model takes 100 MiB when it is loaded.
    let preset = |language: &str, chunk: u32| {
        json!({"backend": "faulty", "lan": language, "model_fault": "leak", "chunk_samples": chunk,
            "host": {"memory_mb": 190}})
    };
    let host = with_faulty(&preset("one", 1_600)).start();
    let mut running = Client::open(&host, "p", json!({}));
    host.preset("p", &preset("two", 800).to_string());
    let report = host.wait_for_preset("p", |preset| preset["candidate"]["state"] == "waiting");
    assert!(report["candidate"]["reason"].as_str().unwrap().contains("`host.memory_mb` is 190"), "{report}");
    assert_eq!(report["state"], "ready");
    assert_eq!(language(&host), "one");
    // It looks again and again, and says it once.
    std::thread::sleep(std::time::Duration::from_millis(1_200));
    host.wait_for_log(&["WARN", "the new version waits: `host.memory_mb`"], 1);
    host.wait_for_log(&["loading model"], 1);
    running.finish();
    host.wait_for_preset("p", |preset| preset["candidate"].is_null());
    assert_eq!(language(&host), "two");
    // A predecessor that was removed to make room comes back if it was for nothing.
    let mut broken = preset("three", 400);
    (broken["model_fault"], broken["model_at"]) = (json!("error"), json!("load"));
    host.preset("p", &broken.to_string());
    let reason = refused(&host)["reason"].clone();
    assert!(reason.as_str().unwrap().contains("cannot be served"), "{reason}");
    assert_eq!(language(&host), "two");
}

#[test]
fn a_misspelt_field_is_named_with_the_one_that_was_meant() {
    let host = with_tone().preset("odd", &json!({"backend": "tone", "segment_chunk": 3})).start();
    let warning = "fields the engine does not list: segment_chunk (did you mean `segment_chunks`?)";
    assert_eq!(host.preset_report("odd").unwrap()["warning"], warning);
    assert_eq!(host.preset_report("good").unwrap()["warning"], Value::Null);
    host.wait_for_log(&["WARN", warning], 1);
    host.preset("good", r#"{"backend": "tone", "host": {"open": ["segment_chunk"]}}"#);
    let report = host.wait_for_preset("good", |preset| preset["candidate"]["state"] == "refused");
    let reason = report["candidate"]["reason"].as_str().unwrap();
    assert!(
        reason.contains("lists `segment_chunk`") && reason.ends_with("(did you mean `segment_chunks`?)"),
        "{reason}"
    );
    streams(&host, "good");
    host.wait_for_log(&[warning], 1);
}
