//! Synthetic models of every kind give the same results as in the reference: `testdata/NAME.json`, written by
//! `parity/golden.py`.
//!
//! `AURICLE_ONNX_MODELS` names further folders of models with their goldens (`cargo xtask parity onnx` creates some of
//! published sizes).

#![allow(clippy::unwrap_used, reason = "test code")]

mod harness;

use auricle_plugin_api::Replay;
use auricle_plugin_test::{Recording, TestModel, check};
use harness::{engine, fixture, root};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// The results of the reference.
#[derive(Clone, Deserialize)]
struct Golden {
    recording: String,
    /// The fields of a preset; `symbols` is another list of symbols in the folder.
    fields: Map<String, Value>,
    /// The texts of utterances that have text.
    texts: Vec<String>,
    /// Output frames with a close decision.
    close: Vec<u64>,
    /// Symbols, each with its output frame.
    tokens: Vec<(String, u64)>,
}

/// The folders of models with a golden file.
fn models() -> Vec<PathBuf> {
    let further = env::var_os("AURICLE_ONNX_MODELS");
    let further = further.iter().flat_map(env::split_paths);
    let folders = [root().join("plugins/onnx/testdata")].into_iter().chain(further);
    let entries = folders.flat_map(|folder| fs::read_dir(folder).unwrap());
    let with_golden = |path: &PathBuf| path.is_dir() && path.with_extension("json").is_file();
    let mut models: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).filter(with_golden).collect();
    models.sort();
    models
}

/// If a folder's network has an optimization that gives the same results: its goldens with that optimization.
fn optimized(folder: &Path, goldens: &[Golden]) -> Vec<Golden> {
    let nemo = folder.display().to_string().contains("nemo");
    let whole = goldens.iter().filter(|golden| nemo && golden.fields.get("precision") != Some(&json!("int8")));
    let mut goldens: Vec<Golden> = whole.cloned().collect();
    for golden in &mut goldens {
        golden.fields.insert("optimize".into(), json!(["projected-cache"]));
    }
    goldens
}

/// Loads a model with a preset's fields and with tokens; as one utterance unless the fields set its end.
fn load(model: &Path, fields: &Map<String, Value>) -> TestModel {
    let mut fields = fields.clone();
    let (mut folder, name) = (model.parent().unwrap().to_owned(), model.file_name().unwrap().to_str().unwrap());
    let changed = tempfile::tempdir().unwrap();
    if let Some(symbols) = fields.remove("symbols") {
        folder = changed.path().to_owned();
        fs::create_dir(folder.join(name)).unwrap();
        for file in fs::read_dir(model).unwrap().map(|entry| entry.unwrap().path()) {
            fs::copy(&file, folder.join(name).join(file.file_name().unwrap())).unwrap();
        }
        fs::rename(folder.join(name).join(symbols.as_str().unwrap()), folder.join(name).join("tokens.txt")).unwrap();
    }
    let engine = engine(&folder);
    if !fields.keys().any(|name| name.starts_with("rule")) {
        let rules = ["rule1_min_trailing_silence", "rule2_min_trailing_silence", "rule3_min_utterance_length"];
        fields.extend(rules.map(|rule| (rule.to_owned(), json!(3_600))));
    }
    fields.extend([("model".to_owned(), json!(name)), ("tokens".to_owned(), json!(true))]);
    engine.try_load(Value::Object(fields)).unwrap_or_else(|problem| panic!("{name}: {problem}"))
}

/// Loads a small model with a preset's fields.
fn small(kind: &str, fields: &Value) -> TestModel {
    load(&root().join(format!("plugins/onnx/testdata/{kind}-small")), fields.as_object().unwrap())
}

/// Kinds of models, each with settings of the search.
fn all() -> Vec<(&'static str, Value)> {
    vec![
        ("nemo-ctc", json!({})),
        ("nemo-transducer", json!({})),
        ("nemo-transducer", json!({"beam_size": 3})),
        ("nemo-ctc", json!({"optimize": ["projected-cache"]})),
        ("nemo-transducer", json!({"optimize": ["projected-cache"]})),
        ("zipformer2-ctc", json!({})),
        ("zipformer2-transducer", json!({"blank_penalty": 0.5})),
        ("zipformer2-transducer", json!({"beam_size": 4, "hotwords": ["gogu", "ne"], "hotwords_score": 5.0})),
    ]
}

/// Symbols and their first samples.
fn tokens(recording: &Recording) -> Vec<(String, u64)> {
    let lists = recording.segments.iter().map(|segment| segment.extra["tokens"].as_array().unwrap());
    lists.flatten().map(|token| (token[0].as_str().unwrap().to_owned(), token[1].as_u64().unwrap())).collect()
}

#[test]
fn every_kind_says_what_the_reference_says() {
    let (mut compared, mut left) = (0, 0);
    for folder in models() {
        let golden = fs::read(folder.with_extension("json")).unwrap();
        let goldens = serde_json::from_slice::<Vec<Golden>>(&golden).unwrap();
        for golden in goldens.iter().cloned().chain(optimized(&folder, &goldens)) {
            let Golden { recording, fields, texts, close, tokens: expected } = golden;
            let name = format!("{}, {recording}, {}", folder.display(), Value::Object(fields.clone()));
            let audio = fixture(&recording);
            let reported = load(&folder, &fields).run(&audio);
            let subsampling = if folder.display().to_string().contains("nemo") { 8 } else { 4 };
            let found: Vec<_> =
                tokens(&reported).into_iter().map(|(token, at)| (token, at / 160 / subsampling)).collect();
            // The reference writes the symbols of another list differently.
            let alike = |one: &str, other: &str| one == other || fields.contains_key("symbols");
            // Tokens in the silence after the audio belong before its end.
            let last = audio.len() as u64 / 160 / subsampling - 1;
            let same = |(one, other): (&(String, u64), &(String, u64))| {
                alike(&one.0, &other.0) && one.1.abs_diff(other.1.min(last)) <= 1
            };
            let equal = found.iter().zip(&expected).take_while(|both| same(*both)).count();
            compared += equal;
            if equal < found.len().max(expected.len()) {
                // Everything after a close decision may differ.
                let frame =
                    found.get(equal).into_iter().chain(expected.get(equal)).map(|(_, frame)| *frame).min().unwrap();
                assert!(close.contains(&frame), "{name}, frame {frame}\nfound     {found:?}\nreference {expected:?}");
                left += expected.len() - equal;
                continue;
            }
            // The reference has spaces between byte pieces only after ASCII.
            let bytes = fields.get("symbols").is_some_and(|symbols| symbols == "tokens.byte_pieces.txt");
            let said = |text: &String| text.split_whitespace().collect::<Vec<_>>().join(if bytes { "" } else { " " });
            let said = |texts: &[String]| texts.iter().map(said).collect::<Vec<_>>();
            assert_eq!(said(&reported.texts()), said(&texts), "{name}");
        }
    }
    println!("{compared} tokens are equal to the reference, {left} follow a close decision");
    assert!(compared > 2_000, "{compared}");
}

#[test]
fn says_what_kind_it_is_and_how_many_streams_step_together() {
    for (kind, fields) in all() {
        let model = small(kind, &fields);
        let metadata = model.metadata();
        assert_eq!(metadata.extra["kind"], kind);
        assert_eq!(
            (metadata.sample_rate, metadata.max_batch, metadata.separator.as_str()),
            (16_000, 16, " "),
            "{kind}"
        );
        assert_eq!(metadata.replay, Replay::Exact, "{kind}");
        let (chunk, first) = if kind.starts_with("nemo") { (2_560, 4_120) } else { (5_120, 7_320) };
        assert_eq!((metadata.chunk_samples, metadata.first_chunk_samples), (chunk, Some(first)), "{kind}");
    }
    assert_eq!(small("nemo-ctc", &json!({"max_batch": 3})).metadata().max_batch, 3);
}

#[test]
fn a_step_is_made_as_soon_as_its_window_is_there() {
    let audio = &fixture("demo.wav")[..64_000];
    for (kind, fields) in all() {
        let model = small(kind, &fields);
        let metadata = model.metadata();
        let mut stream = model.stream();
        let (processor, mut recording) = (stream.processor(), Recording::default());
        let (first, rest) = audio.split_at(metadata.first_chunk_samples.unwrap() as usize);
        for chunk in [first].into_iter().chain(rest.chunks_exact(metadata.chunk_samples as usize)) {
            // One sample less causes no step; with it there is one.
            let partials = recording.partials.len();
            processor.insert_audio_chunk(&chunk[..chunk.len() - 1]).unwrap();
            processor.process_iter(&mut recording).unwrap();
            assert_eq!(recording.partials.len(), partials, "{kind}");
            processor.insert_audio_chunk(&chunk[chunk.len() - 1..]).unwrap();
            processor.process_iter(&mut recording).unwrap();
        }
        let whole = model.run(audio);
        assert_eq!(recording.partials, whole.partials[..recording.partials.len()], "{kind}");
        assert!(recording.partials.len() >= 5, "{kind}");
    }
}

#[test]
fn streams_that_step_together_say_what_each_says_alone() {
    let audio = &fixture("demo.wav")[..128_000];
    for (kind, fields) in all() {
        let model = small(kind, &fields);
        // Streams with their own audio; some end early.
        let audios: Vec<&[f32]> =
            (0..8).map(|stream| &audio[8_000 * stream..audio.len() - 16_000 * (stream % 3)]).collect();
        for (audio, together) in audios.iter().zip(model.run_together(&audios)) {
            let alone = model.run(audio);
            assert_eq!(tokens(&together), tokens(&alone), "{kind} {fields}");
            assert_eq!(together.texts(), alone.texts());
            assert_eq!(together.partials.len(), alone.partials.len());
        }
    }
}

#[test]
fn a_stream_goes_on_exactly_from_any_restart_point() {
    let audio = &fixture("demo.wav")[..96_000];
    for (kind, mut fields) in all() {
        for (rule, seconds) in [
            ("rule1_min_trailing_silence", 3_600),
            ("rule2_min_trailing_silence", 3_600),
            ("rule3_min_utterance_length", 2),
        ] {
            fields[rule] = json!(seconds);
        }
        let model = small(kind, &fields);
        let whole = model.run(audio);
        assert!(whole.restart_points.len() >= 4 && !whole.segments.is_empty(), "{kind} {:?}", whole.texts());
        check::restart_points_hold(&model, audio);
    }
}

#[test]
fn a_new_beginning_is_a_fresh_stream_and_counts_from_its_offset() {
    let audio = fixture("demo.wav");
    for (kind, fields) in all() {
        let model = small(kind, &fields);
        let expected = model.run(&audio[..64_000]);
        // With other chunks too.
        let mut stream = model.stream().in_chunks(777);
        stream.push(&audio[64_000..128_000]).unwrap();
        stream.recording_mut().take();
        stream.reset(1_000_000).unwrap();
        stream.push(&audio[..64_000]).unwrap();
        let found = stream.finish().unwrap();
        let moved: Vec<_> = tokens(&expected).into_iter().map(|(token, at)| (token, at + 1_000_000)).collect();
        assert_eq!((tokens(&found), found.texts()), (moved, expected.texts()), "{kind}");
    }
}

#[test]
fn hotwords_are_heard_rather_and_only_by_the_stream_that_asked_for_them() {
    let model = small("zipformer2-transducer", &json!({"beam_size": 4}));
    let audio = fixture("demo.wav");
    let text = |hotwords: Value| {
        let mut stream = model.try_stream(json!({"hotwords": hotwords})).unwrap();
        stream.push(&audio).unwrap();
        stream.finish().unwrap().text()
    };
    let count = |text: &str| text.matches(" go").count();
    let without = text(json!([]));
    let with = text(json!(["go :8"]));
    assert!(count(&with) > count(&without), "{without}\n{with}");
    assert_eq!(text(json!([])), without);
}

#[test]
fn a_search_that_a_model_does_not_have_is_refused() {
    let refused = |kind: &str, fields: Value| small(kind, &json!({})).refusal(fields).message;
    let beam = refused("zipformer2-ctc", json!({"beam_size": 4}));
    assert_eq!(
        beam,
        "field `beam_size`: a model of kind zipformer2-ctc has greedy search; only transducers support this"
    );
    let greedy = refused("zipformer2-transducer", json!({"hotwords": ["dabo"]}));
    assert!(greedy.contains("field `hotwords`: they need a transducer and a beam_size above 1"), "{greedy}");
    let foreign = refused("zipformer2-transducer", json!({"beam_size": 4, "hotwords": ["xyz1"]}));
    assert_eq!(foreign, "field `hotwords`: `xyz1`: `xyz1` cannot be split into pieces");
    let score = refused("zipformer2-transducer", json!({"beam_size": 4, "hotwords": ["dabo :much"]}));
    assert_eq!(score, "field `hotwords`: `dabo :much`: its score is not a number from 0 to 100");
    let nemo = refused("nemo-transducer", json!({"beam_size": 4, "hotwords": ["dabo"]}));
    assert!(nemo.contains("the model's folder has no bpe.vocab"), "{nemo}");
}

#[test]
fn caches_too_large_for_a_restart_point_begin_anew_where_an_utterance_ended() {
    let folder = root().join("plugins/onnx/testdata/nemo-ctc-long");
    let model = load(&folder, json!({"rule3_min_utterance_length": 4}).as_object().unwrap());
    assert_eq!(model.metadata().replay, Replay::Lossless);
    let audio = fixture("demo.wav");
    let whole = model.run(&audio);
    assert!(whole.restart_points.len() >= 3 && !whole.endpoints.is_empty(), "{:?}", whole.endpoints);
    for point in &whole.restart_points {
        assert!(
            whole.segments.iter().all(|segment| segment.start >= point.sample || segment.end <= point.sample + 160)
        );
        let (mut recovered, mut fresh) = (model.stream(), model.stream());
        recovered.restore(point).unwrap();
        fresh.reset(point.sample).unwrap();
        let [recovered, fresh] = [recovered, fresh].map(|mut stream| {
            stream.push(&audio[point.sample as usize..]).unwrap();
            stream.finish().unwrap()
        });
        assert_eq!(recovered, fresh);
    }
}
