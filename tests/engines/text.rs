//! Stages that rewrite text, behind an engine that hears real speech: digits.

use auricle_tests::{Client, Host, Setup, bytes, fixture, library, models, runtime, stage_library, wav};
use serde_json::{Value, json};
use std::{fs, path::Path};

/// The words of the recording, by its pauses.
const SPOKEN: [&str; 4] = [
    "four seven one",
    "nine zero two eight six",
    "three three five",
    "one two three four five six seven eight nine zero",
];

fn setup() -> Setup {
    let preset = |stages: Value| json!({"backend": "onnx", "model": "digits", "stages": stages, "host": {"open": ["numbers.to"]}});
    let with_numbers = preset(json!([{"stage": "numbers"}]));
    let replaced = json!({"backend": "onnx", "model": "digits", "stages": [{"stage": "replace", "table": {"Four seven": "Boeing", "zero": ""}}]});
    let redact = |fields: Value| {
        let mut stage = fields;
        stage["stage"] = json!("redact");
        json!({"backend": "onnx", "model": "digits", "stages": [stage]})
    };
    Setup::new()
        .plugin(&library("onnx"))
        .plugin(&stage_library("text"))
        .resource(&models())
        .resource(&runtime())
        .preset("numbers", &with_numbers)
        .preset("replaced", &replaced)
        .preset("at-once", &redact(json!({"hold_seconds": 0})))
        .preset("across", &redact(json!({"hold_seconds": 30})))
        .preset(
            "pattern",
            &redact(json!({"kinds": [], "patterns": ["one nine .*six three"], "hold_seconds": 30, "mark": "#"})),
        )
}

fn hear(host: &Host, preset: &str, options: Value) -> Client {
    let mut client = Client::open(host, preset, json!({"pace": "file", "options": options}));
    client.audio_in_frames(&bytes(&wav(&fixture("digits.wav")).1), 3_200);
    client.finish();
    client
}

/// The texts of the timed words.
fn timed(client: &Client) -> Vec<String> {
    let segments = client.events("segment");
    let words = segments.iter().flat_map(|segment| segment["words"].as_array().unwrap());
    words.map(|word| word["text"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn numbers_are_figures_and_phrases_are_replaced() {
    let host = setup().start();
    let client = hear(&host, "numbers", json!({}));
    assert_eq!(client.texts(), ["4 7 1", "9 02 8 6", "3 3 5", "1 2 3 4 5 6 7 8 9 0"]);
    assert_eq!(timed(&client).len(), 20);
    assert_eq!(hear(&host, "numbers", json!({"numbers.to": "words"})).texts(), SPOKEN);
    let client = hear(&host, "replaced", json!({}));
    assert_eq!(client.texts()[..2], ["Boeing one", "nine two eight six"]);
    assert_eq!(timed(&client)[..2], ["Boeing", "one"]);
    let start = client.events("segment")[0]["start"].clone();
    assert_eq!(client.events("segment")[0]["words"][0]["start"], start);
}

#[test]
fn what_is_to_be_hidden_is_nowhere() {
    let host = setup()
        .exact_settings("[journal]\ndir = \"journal\"\n[resume]\ndir = \"resume\"\nstore_seconds = 0.001")
        .start();
    for (preset, expected) in [
        ("at-once", ["four seven one", "nine zero two eight six", "three three five", "[phone]"].as_slice()),
        ("across", &["[card]"]),
        ("pattern", &["four seven #", "three five", SPOKEN[3]]),
    ] {
        let client = hear(&host, preset, json!({}));
        assert_eq!(client.texts(), expected, "{preset}");
        assert_eq!(timed(&client).join(" "), expected.join(" "), "{preset}");
        if preset == "across" {
            let partials = client.events("partial");
            assert!(partials.iter().all(|partial| !partial["text"].as_str().unwrap().contains("four")), "{partials:?}");
        }
    }
    // The recording's last words are shown by the last preset only.
    let shown = files(&host.path("configs")).iter().filter(|text| text.contains("one two three")).count();
    assert_eq!((shown, host.log().contains("one two three")), (1, false));
}

#[test]
fn a_stream_that_hides_is_not_written_down_and_outlives_its_worker() {
    let host = setup().exact_settings("[resume]\ndir = \"resume\"\nstore_seconds = 0.001").start();
    let audio = bytes(&wav(&fixture("digits.wav")).1);
    let (before, after) = audio.split_at(audio.len() / 4 * 2);
    for (preset, stored) in [("numbers", 1), ("across", 0)] {
        let points = || files(&host.path("configs/resume")).len();
        let before_it = points();
        let mut client = Client::start(&host, preset, json!({"pace": "file", "resume": true}));
        let ready = client.next().unwrap();
        assert_eq!(
            (ready["resume"].is_object(), ready["resume"]["survives"].is_string()),
            (true, stored > 0),
            "{ready}"
        );
        client.audio_in_frames(before, 3_200);
        host.wait_for_audio(before.len() as f64 / 32_000.0);
        assert_eq!(points() - before_it, stored, "{preset}");
        host.workers().into_iter().for_each(|worker| host.kill_worker(worker));
        client.audio_in_frames(after, 3_200);
        client.finish();
        assert_eq!(client.texts(), hear(&host, preset, json!({})).texts(), "{preset}");
    }
}

#[test]
fn what_a_preset_may_not_say_is_refused() {
    let host = setup()
        .preset(
            "bad",
            &json!({"backend": "onnx", "model": "digits", "stages": [{"stage": "redact", "patterns": ["("]}]}),
        )
        .preset(
            "worse",
            &json!({"backend": "onnx", "model": "digits", "stages": [{"stage": "redact", "kinds": ["names"]}]}),
        )
        .preset("none", &json!({"backend": "onnx", "model": "digits", "stages": [{"stage": "replace"}]}))
        .start();
    for preset in ["bad", "worse", "none"] {
        Client::start(&host, preset, json!({})).fails("engine_unavailable", 4503);
    }
    host.wait_for_log(&["ERROR", "field `patterns`: `(` cannot be used"], 1);
}

/// The contents of all files below a folder.
fn files(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let read = |path: &Path| vec![String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()];
    entries
        .flatten()
        .map(|entry| entry.path())
        .flat_map(|path| if path.is_dir() { files(&path) } else { read(&path) })
        .collect()
}
