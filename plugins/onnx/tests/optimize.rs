//! Optimized networks: their metadata, their effect on the results, and networks that cannot be optimized. `models.rs`
//! tests that `projected-cache` gives the same results, alone, in batches and from restart points.

#![allow(clippy::unwrap_used, reason = "test code")]

mod harness;

use auricle_plugin_test::Recording;
use harness::{digits, engine, fixture, root};
use serde_json::{Value, json};

/// The error for a small model with an optimization.
fn refused(model: &str, mut fields: Value) -> String {
    let folder = if model == "digits" { "models" } else { "plugins/onnx/testdata" };
    fields["model"] = json!(model);
    engine(&root().join(folder)).refusal(fields).message
}

#[test]
fn a_network_without_keys_and_values_of_cached_frames_is_refused_with_what_is_there() {
    let optimization = || json!({"optimize": ["projected-cache"]});
    let digits = refused("digits", optimization());
    assert!(
        digits.contains(
            "digits/model.onnx cannot be optimized: projected-cache: Add `v6` reads cached frames, but neither multiplies them \
             with constants nor passes them on unchanged"
        ),
        "{digits}"
    );
    let zipformer = refused("zipformer2-ctc-small", optimization());
    assert!(
        zipformer.ends_with(
            "projected-cache: its metadata have no number `cache_last_channel_dim1`, as NeMo's cache-aware networks have"
        ),
        "{zipformer}"
    );
    let mut eight = optimization();
    eight["precision"] = json!("int8");
    let eight = refused("nemo-transducer-small", eight);
    assert!(
        eight.contains("encoder.int8.onnx cannot be optimized: projected-cache: DynamicQuantizeLinear `"),
        "{eight}"
    );
}

#[test]
fn eight_bits_twice_and_unknown_forms_are_refused() {
    let twice = refused("nemo-transducer-small", json!({"optimize": ["int8"], "precision": "int8"}));
    assert!(twice.ends_with("int8: it has no product with a constant matrix of 32-bit numbers"), "{twice}");
    let unknown = refused("digits", json!({"optimize": ["int4"]}));
    assert_eq!(unknown, "field `optimize`: there is no optimization `int4`; available: projected-cache, int8");
}

#[test]
fn what_a_form_does_is_told() {
    let folder = root().join("plugins/onnx/testdata");
    for (model, layers) in [("nemo-ctc-small", 2), ("nemo-transducer-small", 2)] {
        let engine = engine(&folder);
        // In the order in which they are applied.
        let model = engine.load(json!({"model": model, "optimize": ["int8", "projected-cache"]}));
        let metadata = model.metadata();
        let optimizations = metadata.extra["optimize"].as_array().unwrap();
        assert_eq!(
            (&optimizations[0]["form"], &optimizations[0]["parts"]),
            (&json!("projected-cache"), &json!(layers)),
            "{optimizations:?}"
        );
        assert!(optimizations[0]["moved"].as_f64().unwrap() <= 1e-4, "{optimizations:?}");
        assert_eq!(optimizations[1]["form"], "int8");
        assert!(optimizations[1]["parts"].as_u64().unwrap() >= 20, "{optimizations:?}");
        assert!((1e-4..100.0).contains(&optimizations[1]["moved"].as_f64().unwrap()), "{optimizations:?}");
        assert_eq!(metadata.max_batch, 16);
    }
}

#[test]
fn a_trained_network_says_the_same_in_eight_bits_and_is_nearly_as_sure() {
    let plain = digits(json!({"tokens": true}));
    let eight = digits(json!({"tokens": true, "optimize": ["int8"]}));
    assert_eq!(eight.metadata().extra["optimize"][0]["parts"], 11);
    for name in ["digits.wav", "demo.wav"] {
        let audio = fixture(name);
        let (expected, found) = (plain.run(&audio), eight.run(&audio));
        assert_eq!(found.texts(), expected.texts(), "{name}");
        let confidences =
            |recording: &Recording| -> Vec<f32> { recording.words().map(|word| word.confidence.unwrap()).collect() };
        for (one, other) in confidences(&expected).into_iter().zip(confidences(&found)) {
            assert!((one - other).abs() < 0.05, "{name}: {one} {other}");
        }
    }
}

/// Everything that a stream reports, to the last digit.
fn reported(recording: &Recording) -> Vec<String> {
    recording.words().map(|word| format!("{word:?}")).collect()
}

#[test]
fn a_stream_beside_shouting_ones_says_the_same() {
    let audio = fixture("digits.wav");
    let shouted: Vec<f32> = audio.iter().map(|sample| (sample * 50.0).clamp(-1.0, 1.0)).collect();
    let whispered: Vec<f32> = audio.iter().map(|sample| sample / 50.0).collect();
    for fields in [json!({"optimize": ["int8"], "tokens": true}), json!({"tokens": true})] {
        let model = digits(fields.clone());
        let alone = model.run(&whispered);
        assert!(!alone.texts().is_empty());
        let mut streams = vec![&shouted[..]; 7];
        streams.push(&whispered);
        let beside = model.run_together(&streams).pop().unwrap();
        assert_eq!(reported(&beside), reported(&alone), "{fields}");
    }
}

#[test]
fn what_an_exporter_writes_is_read_too() {
    let engine = engine(&root().join("plugins/onnx/tests/exported"));
    let load =
        |optimizations: Value| engine.load(json!({"model": "nemo-ctc", "optimize": optimizations, "tokens": true}));
    let (plain, optimized) = (load(json!([])), load(json!(["projected-cache"])));
    assert_eq!(optimized.metadata().extra["optimize"][0]["parts"], 2);
    assert_eq!(optimized.metadata().max_batch, 16);
    let audio = fixture("digits.wav");
    let (expected, found) = (plain.run(&audio), optimized.run(&audio));
    assert!(expected.texts().join("").len() > 20, "{:?}", expected.texts());
    assert_eq!(found.texts(), expected.texts());
    // The front end; in each layer query, key, value and output, the two convolutions over one frame, and two more. The
    // output is too small, and positions are the same at each step.
    let eight = load(json!(["projected-cache", "int8"]));
    let optimization = &eight.metadata().extra["optimize"][1];
    assert_eq!(optimization["parts"], 1 + 2 * (4 + 2 + 2), "{optimization}");
    let moved = optimization["moved"].as_f64().unwrap() / optimization["greatest"].as_f64().unwrap();
    assert!((1e-4..0.3).contains(&moved), "{optimization}");
}
