//! The engine as seen by the server: through the boundary, from configuration to events, with the synthetic models.

#![allow(clippy::unwrap_used, reason = "test code")]

use auricle_engine_whisper::Loader;
use auricle_plugin_api::{Error, ErrorCode, Replay};
use auricle_plugin_test::{CancelAfter, StubHost, TestEngine, TestModel, audio, check, onnx_runtime_dir};
use serde_json::{Value, json};
use std::{fs, path::Path};

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The engine with the models in this folder.
fn engine(models: &Path) -> TestEngine {
    let runtime = onnx_runtime_dir(env!("CARGO_MANIFEST_DIR"));
    TestEngine::in_process(Loader, &StubHost::new().resource_dir(runtime).resource_dir(models))
}

fn nano(name: &str, mut fields: Value) -> TestModel {
    fields["model"] = name.into();
    engine(&here().join("testdata")).load(fields)
}

fn fixture(name: &str) -> Vec<f32> {
    audio::wav_floats(&here().join("../../fixtures").join(name))
}

#[test]
fn a_stream_becomes_segments_in_order_within_the_audio() {
    let audio = fixture("weather.wav");
    for (name, beams) in [("nano", 1), ("nano.en", 3), ("nano.fast", 1), ("nano.fast", 4)] {
        let model = nano(name, json!({"temperature": [0.0], "beam_size": beams}));
        check::times_are_in_order(&model, &audio);
        let recording = model.run(&audio);
        for segment in &recording.segments {
            assert!(!segment.text().trim().is_empty() && !segment.words.is_empty(), "{name} {segment:?}");
        }
        assert!(recording.restart_points.iter().all(|point| point.state.len() <= 1 << 20), "{name}");
        // The same again: the model keeps nothing of a stream.
        assert_eq!(model.run(&audio), recording, "{name}");
    }
}

#[test]
fn a_decode_ends_with_the_token_at_which_its_client_leaves() {
    let audio = fixture("weather.wav");
    // No text is good enough, so that every temperature is used.
    for (beams, temperatures) in [(1, vec![0.0, 0.2, 0.4, 0.6, 0.8, 1.0]), (3, vec![0.0])] {
        let fields = json!({"beam_size": beams, "temperature": temperatures, "logprob_threshold": 0.0,
            "no_speech_threshold": 1.0, "min_chunk_size": 4.0, "max_repetitions": 0});
        let model = nano("nano.fast", fields);
        let asked = |gone: usize| {
            let (mut client, mut stream) = (CancelAfter::new(gone), model.stream());
            stream.processor().insert_audio_chunk(&audio[..64_000]).unwrap();
            stream.processor().process_iter(&mut client).unwrap();
            client.asked()
        };
        let tokens = asked(usize::MAX);
        assert!(tokens > 10 * temperatures.len(), "asked {tokens} times only");
        for gone in [3, tokens / 2, tokens - 8] {
            // After the token, after the text, and when the transcript is complete: no further text was begun.
            let more = asked(gone) - gone;
            assert!((2..=4).contains(&more), "{beams} beams: asked {more} times after it was gone, {gone} of {tokens}");
        }
    }
}

#[test]
fn threads_change_nothing_awake_or_asleep() {
    let audio = fixture("weather.wav");
    let text = |threads: usize, spinning: bool| {
        let model = nano("nano.fast", json!({"threads": threads, "spinning": spinning, "temperature": [0.0]}));
        model.run(&audio).texts()
    };
    let alone = text(1, false);
    assert_eq!((text(2, false), text(2, true)), (alone.clone(), alone));
}

#[test]
fn says_what_it_is() {
    let metadata = nano("nano", json!({})).metadata().clone();
    assert_eq!((metadata.sample_rate, metadata.replay), (16_000, Replay::Lossless));
    assert!(metadata.languages.contains(&"de".to_owned()) && metadata.languages.contains(&"jv".to_owned()));
    let english = nano("nano.en", json!({})).metadata().clone();
    assert_eq!(english.languages, ["en"]);
    let fast = nano("nano.fast", json!({})).metadata().clone();
    for (metadata, word_times, layout) in
        [(metadata, "attention", "stock"), (english, "timestamps", "stock"), (fast, "attention", "fast")]
    {
        assert_eq!(metadata.extra["word_times"], word_times);
        assert_eq!(metadata.extra["layout"], layout);
    }
}

#[test]
fn only_the_languages_that_may_be_spoken_are_detected() {
    for language in ["de", "fr"] {
        let recording = nano("nano", json!({"languages": [language]})).run(&fixture("weather.wav"));
        let detected: Vec<_> = recording.segments.iter().map(|segment| segment.language.as_deref()).collect();
        assert!(!detected.is_empty() && detected.iter().all(|one| *one == Some(language)), "{language}: {detected:?}");
    }
}

#[test]
fn options_of_a_stream_are_checked_against_the_model() {
    let refusal = |name: &str, fields: Value| nano(name, json!({})).refusal(fields).message;
    let unknown = refusal("nano", json!({"lan": "tlh"}));
    assert!(unknown.starts_with("field `lan`: the model does not know `tlh`; it knows "), "{unknown}");
    let unknown = refusal("nano", json!({"languages": ["de", "tlh"]}));
    assert!(unknown.starts_with("field `languages`: the model does not know `tlh`; it knows "), "{unknown}");
    let english = refusal("nano.en", json!({"lan": "de"}));
    assert_eq!(english, "field `lan`: the model does not know `de`; it knows en only");
    let translate = refusal("nano.en", json!({"task": "translate"}));
    assert!(translate.starts_with("field `task`: "), "{translate}");
    let policy = refusal("nano.en", json!({"policy": "alignatt"}));
    assert!(policy.starts_with("field `policy`: `alignatt` needs word times by attention"), "{policy}");
    let model = nano(
        "nano",
        json!({"policy": "alignatt", "lan": "de-AT", "task": "translate", "prompt": "Ja", "hotwords": ["so"]}),
    );
    let recording = model.run(&fixture("weather.wav")[..32_000]);
    assert!(recording.segments.iter().all(|segment| segment.language.as_deref() == Some("de")), "{recording:?}");
}

/// The error for a folder `m` with a synthetic model, after a change of one file.
fn refused(file: &str, change: impl FnOnce(Vec<u8>) -> Option<Vec<u8>>) -> Error {
    refused_of("nano", file, change)
}

fn refused_of(model: &str, file: &str, change: impl FnOnce(Vec<u8>) -> Option<Vec<u8>>) -> Error {
    let models = tempfile::tempdir().unwrap();
    let to = models.path().join("m");
    fs::create_dir(&to).unwrap();
    for entry in fs::read_dir(here().join("testdata").join(model)).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
    match change(fs::read(to.join(file)).unwrap()) {
        Some(bytes) => fs::write(to.join(file), bytes).unwrap(),
        None => fs::remove_file(to.join(file)).unwrap(),
    }
    engine(models.path()).refusal(json!({"model": "m"}))
}

fn replaced(file: &str, old: &str, new: &str) -> String {
    let refusal = refused(file, |bytes| {
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains(old), "{old} is not in {file}");
        Some(text.replace(old, new).into_bytes())
    });
    assert_eq!(refusal.code, ErrorCode::MODEL);
    refusal.message
}

#[test]
fn a_missing_file_is_named() {
    for file in
        ["config.json", "preprocessor_config.json", "tokenizer.json", "encoder_model.onnx", "decoder_model_merged.onnx"]
    {
        let refusal = refused(file, |_| None).message;
        assert!(refusal.contains(file), "{file}: {refusal}");
    }
}

#[test]
fn a_damaged_file_is_named() {
    for file in ["config.json", "generation_config.json", "preprocessor_config.json", "tokenizer.json"] {
        let refusal = refused(file, |bytes| Some(bytes[..bytes.len() / 2].to_vec())).message;
        assert!(refusal.contains(file), "{file}: {refusal}");
    }
    for file in ["encoder_model.onnx", "decoder_model_merged.onnx"] {
        let refusal = refused(file, |bytes| Some(bytes[..bytes.len() / 2].to_vec())).message;
        assert!(refusal.contains(file) && refusal.contains("ONNX Runtime cannot use it"), "{file}: {refusal}");
    }
}

#[test]
fn configurations_of_another_model_are_found_out() {
    let width = replaced("config.json", "\"d_model\": 24", "\"d_model\": 48");
    assert!(width.contains("the networks do not match config.json"), "{width}");
    let features = replaced("preprocessor_config.json", "\"feature_size\": 80", "\"feature_size\": 128");
    assert!(features.contains("feature_size is 128, num_mel_bins 80"), "{features}");
    let tokens = replaced("tokenizer.json", "<|startoftranscript|>", "<|startofsomething|>");
    assert!(tokens.contains("has no <|startoftranscript|>: not a tokenizer of Whisper"), "{tokens}");
    let room = replaced("config.json", "\"max_target_positions\": 448", "\"max_target_positions\": 1");
    assert!(room.contains("max_target_positions 1"), "{room}");
    let start = replaced("config.json", "\"decoder_start_token_id\": 601", "\"decoder_start_token_id\": 602");
    assert!(start.contains("it belongs to another model"), "{start}");
}

#[test]
fn numbers_beyond_all_measure_are_refused() {
    for (file, name) in [
        ("preprocessor_config.json", "chunk_length"),
        ("preprocessor_config.json", "feature_size"),
        ("config.json", "num_mel_bins"),
        ("config.json", "d_model"),
        ("config.json", "vocab_size"),
        ("config.json", "decoder_layers"),
        ("config.json", "decoder_attention_heads"),
        ("config.json", "max_source_positions"),
        ("config.json", "max_target_positions"),
        ("config.json", "median_filter_width"),
    ] {
        for number in [0_u64, 1 << 59] {
            println!("{name}: {number}");
            let refusal = refused(file, |bytes| {
                let mut settings: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
                settings[name] = number.into();
                Some(settings.to_string().into_bytes())
            });
            assert_eq!(refusal.code, ErrorCode::MODEL, "{}", refusal.message);
        }
    }
}

#[test]
fn a_fast_layout_that_is_none_is_found_out() {
    for (file, stock) in
        [("encoder_fast.onnx", "encoder_model.onnx"), ("decoder_fast.onnx", "decoder_model_merged.onnx")]
    {
        let broken = refused_of("nano.fast", file, |bytes| Some(bytes[..bytes.len() / 2].to_vec())).message;
        assert!(broken.contains(file) && broken.contains("ONNX Runtime cannot use it"), "{broken}");
        let other = fs::read(here().join("testdata/nano").join(stock)).unwrap();
        let refusal = refused_of("nano.fast", file, |_| Some(other)).message;
        assert!(refusal.contains(file) && refusal.contains("its layout is none, not whisper-fast-3"), "{refusal}");
        // If one of the files is missing, the layout is not used.
        assert!(refused_of("nano.fast", file, |_| None).message.contains("encoder_model.onnx"));
    }
    let heads = refused_of("nano.fast", "generation_config.json", |bytes| {
        let text = String::from_utf8(bytes).unwrap();
        let mut fields: Value = serde_json::from_str(&text).unwrap();
        fields["alignment_heads"] = json!([[7, 0]]);
        Some(fields.to_string().into_bytes())
    });
    assert!(heads.message.contains("alignment_heads has head 0 of layer 7"), "{heads}");
}
