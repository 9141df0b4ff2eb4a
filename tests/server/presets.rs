//! Presets: what operators write, when it takes effect, and what of it clients may change.

use auricle_tests::{Client, Host, Setup, bytes, library, noise, tone_segments};
use serde_json::{Value, json};
use std::fs;

fn with_tone() -> Setup {
    Setup::new().plugin(&library("tone")).preset("good", &json!({"backend": "tone"}))
}

/// The message with which a stream fails that is opened with these options.
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

/// The times a model was loaded until `streams` had been opened.
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
        ("key", json!({"backend": "tone", "host": {"opne": []}}), "`opne`"),
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

    // Side by side: what one stream chose is no other's.
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
    // A field that the engine does not list is passed on: perhaps it is new, perhaps misspelt.
    assert!(host.logged(&["WARN", "unlisted", "fields the engine does not list: beam"]) > 0);
    assert_eq!(host.logged(&["WARN", "fields the engine does not list"]), host.logged(&["list: beam"]));
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
