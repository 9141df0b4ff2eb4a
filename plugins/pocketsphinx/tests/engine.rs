//! The engine as seen by the server: through the boundary, from configuration to events.

#![allow(clippy::unwrap_used, reason = "test code")]

use auricle_engine_pocketsphinx::PocketSphinx;
use auricle_plugin_api::{ErrorCode, Replay};
use auricle_plugin_test::{RestartPoint, StubHost, TestEngine, TestModel, audio, check};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
};

fn engine() -> TestEngine {
    let models = Path::new(env!("POCKETSPHINX_TEST_MODEL")).parent().unwrap();
    let host = StubHost::new().origin_dir("/nowhere/pocketsphinx.engine").resource_dir(models);
    TestEngine::in_process(PocketSphinx, &host)
}

fn model(fields: Value) -> TestModel {
    engine().load(fields)
}

fn fixture_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name)
}

fn fixture(name: &str) -> Vec<f32> {
    audio::wav_floats(&fixture_path(&format!("{name}.wav")))
}

/// The text of a bundled recording, on one line.
fn spoken(name: &str) -> String {
    let text = fs::read_to_string(fixture_path(&format!("{name}.txt"))).unwrap();
    text.lines().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_stream_is_told_what_was_said_and_when() {
    let model = model(json!({}));
    let facts = model.metadata();
    assert_eq!((facts.sample_rate, facts.chunk_samples, facts.max_streams), (16_000, 1_600, Some(4)));
    assert_eq!((facts.replay, &facts.languages[..]), (Replay::Exact, &["en-US".to_owned()][..]));

    let audio = fixture("demo");
    let recording = model.run(&audio);
    assert_eq!(recording.text(), spoken("demo"));
    assert_eq!((recording.speech_starts.len(), recording.endpoints.len()), (4, 4));
    assert!(recording.partials.len() > 10, "{}", recording.partials.len());
    for segment in &recording.segments {
        let words: Vec<_> = segment.words.iter().map(|word| word.text()).collect();
        assert_eq!(segment.text(), words.join(" "));
        assert_eq!((segment.start, segment.end), (segment.words[0].start, segment.words[words.len() - 1].end));
        assert!(segment.end <= audio.len() as u64 && (0.0..=1.0).contains(&segment.confidence.unwrap()));
    }
    check::flush_and_offset_start_anew(&model, &audio);
}

#[test]
fn another_processor_goes_on_from_a_restart_point() {
    let (model, audio) = (model(json!({})), fixture("demo"));
    let whole = model.run(&audio);
    let point = &whole.restart_points[whole.restart_points.len() / 2];
    assert!(point.state.len() < 64 * 1024, "{}", point.state.len());

    let mut stream = model.stream();
    stream.restore(point).unwrap();
    stream.push(&audio[point.sample as usize..]).unwrap();
    let rest = stream.finish().unwrap();
    let expected = &whole.segments[point.segments_before..];
    assert!(!expected.is_empty());
    assert_eq!(rest.segments, expected);
    let foreign = RestartPoint { sample: 0, state: b"something else".to_vec(), segments_before: 0 };
    assert_eq!(model.stream().restore(&foreign).unwrap_err().code, ErrorCode::CONTRACT);
}

#[test]
fn more_streams_than_said_are_refused_until_one_ends() {
    let model = model(json!({"max_streams": 2}));
    let first = model.stream();
    let _second = model.stream();
    let refused = model.refusal(json!({}));
    assert_eq!(refused.code, ErrorCode::CAPACITY);
    assert!(refused.message.starts_with("pocketsphinx serves 2 streams at once (max_streams)"), "{refused}");
    drop(first);
    model.stream();
}

#[test]
fn streams_at_once_do_not_disturb_one_another() {
    let model = model(json!({}));
    let names = ["weather", "train", "report"];
    let texts: Vec<String> = std::thread::scope(|scope| {
        let streams = names.map(|name| {
            let model = &model;
            scope.spawn(move || model.run(&fixture(name)).text())
        });
        streams.map(|stream| stream.join().unwrap()).into()
    });
    assert_eq!(texts, names.map(spoken));
}

#[test]
fn what_is_wrong_is_said() {
    let error = engine().refusal(json!({"model": "de-de"}));
    assert_eq!(error.code, ErrorCode::MODEL);
    let problem = "there is no model `de-de` in the engine's folder /nowhere/pocketsphinx.engine, nor in ";
    assert!(error.message.starts_with(problem), "{error}");
    let error = model(json!({})).refusal(json!({"first_mean": [1, 2]}));
    assert_eq!(error.code, ErrorCode::CONFIG, "{error}");
    assert!(error.message.starts_with("field `first_mean`"), "{error}");
}
