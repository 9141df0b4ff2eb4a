//! Networks in cheaper forms: what is said of them, what they change, and what has no such form. That `projected-cache` says the
//! same, alone, together and from restart points, is in `models.rs`.

#![allow(clippy::unwrap_used, reason = "test code")]

mod harness;

use harness::{digits, engine, fixture, hear, hear_together, refusal, root};
use serde_json::{Value, json};

/// Why a small model is refused in a form.
fn refused(model: &str, fields: Value) -> String {
    let folder = if model == "digits" { "models" } else { "plugins/onnx/testdata" };
    let mut fields = fields;
    fields["model"] = json!(model);
    let refusal = refusal(&engine(&root().join(folder)), fields);
    assert!(!refusal.message.contains('\n'), "{refusal}");
    refusal.message
}

#[test]
fn a_network_without_keys_and_values_of_cached_frames_is_refused_with_what_is_there() {
    let form = || json!({"optimize": ["projected-cache"]});
    let digits = refused("digits", form());
    assert!(
        digits.contains(
            "digits/model.onnx cannot be made cheaper: projected-cache: Add `v6` reads cached frames, and neither multiplies them \
             with constants nor leaves them alone"
        ),
        "{digits}"
    );
    let zipformer = refused("zipformer2-ctc-small", form());
    assert!(
        zipformer.ends_with(
            "projected-cache: its metadata have no number `cache_last_channel_dim1`, as NeMo's cache-aware networks have"
        ),
        "{zipformer}"
    );
    let mut eight = form();
    eight["precision"] = json!("int8");
    let eight = refused("nemo-transducer-small", eight);
    assert!(
        eight.contains("encoder.int8.onnx cannot be made cheaper: projected-cache: DynamicQuantizeLinear `"),
        "{eight}"
    );
}

#[test]
fn eight_bits_twice_and_unknown_forms_are_refused() {
    let twice = refused("nemo-transducer-small", json!({"optimize": ["int8"], "precision": "int8"}));
    assert!(twice.ends_with("int8: it has no product with a constant matrix of 32-bit numbers"), "{twice}");
    let unknown = refused("digits", json!({"optimize": ["int4"]}));
    assert_eq!(unknown, "field `optimize`: there is no form `int4`; there are projected-cache, int8");
}

#[test]
fn what_a_form_does_is_told() {
    let folder = root().join("plugins/onnx/testdata");
    for (model, layers) in [("nemo-ctc-small", 2), ("nemo-transducer-small", 2)] {
        let engine = engine(&folder);
        // In the order in which they are made.
        let config = harness::config(&engine, json!({"model": model, "optimize": ["int8", "projected-cache"]}));
        let metadata = engine.load(&config).unwrap().metadata().clone();
        let told = metadata.extra["optimize"].as_array().unwrap();
        assert_eq!((&told[0]["form"], &told[0]["parts"]), (&json!("projected-cache"), &json!(layers)), "{told:?}");
        assert!(told[0]["moved"].as_f64().unwrap() <= 1e-4, "{told:?}");
        assert_eq!(told[1]["form"], "int8");
        assert!(told[1]["parts"].as_u64().unwrap() >= 20, "{told:?}");
        assert!((1e-4..100.0).contains(&told[1]["moved"].as_f64().unwrap()), "{told:?}");
        assert_eq!(metadata.max_batch, 16);
    }
}

#[test]
fn a_trained_network_says_the_same_in_eight_bits_and_is_nearly_as_sure() {
    let (plain, config) = digits(json!({"tokens": true}));
    let (eight, cheaper) = digits(json!({"tokens": true, "optimize": ["int8"]}));
    assert_eq!(eight.metadata().extra["optimize"][0]["parts"], 11);
    for name in ["digits.wav", "demo.wav"] {
        let audio = fixture(name);
        let (expected, found) = (hear(&plain, &config, &audio), hear(&eight, &cheaper, &audio));
        assert_eq!(found.texts(), expected.texts(), "{name}");
        let sureness = |told: &harness::Told| -> Vec<f32> {
            told.segments.iter().flat_map(|segment| &segment.words).map(|word| word.confidence.unwrap()).collect()
        };
        for (one, other) in sureness(&expected).into_iter().zip(sureness(&found)) {
            assert!((one - other).abs() < 0.05, "{name}: {one} {other}");
        }
    }
}

#[test]
fn what_is_rounded_together_says_what_each_says_alone() {
    let (model, config) = digits(json!({"optimize": ["int8"]}));
    let audio = fixture("digits.wav");
    // Loud and faint.
    let audios: Vec<Vec<f32>> = (0..8)
        .map(|stream| audio[4_000 * stream..].iter().map(|sample| sample / (stream + 1) as f32).collect())
        .collect();
    let audios: Vec<&[f32]> = audios.iter().map(Vec::as_slice).collect();
    for (audio, told) in audios.iter().zip(hear_together(&model, &config, &audios)) {
        let alone = hear(&model, &config, audio);
        assert!(!alone.texts().is_empty());
        assert_eq!(told.texts(), alone.texts());
    }
}

#[test]
fn what_an_exporter_writes_is_read_too() {
    let engine = engine(&root().join("plugins/onnx/tests/exported"));
    let load = |forms: Value| {
        let config = harness::config(&engine, json!({"model": "nemo-ctc", "optimize": forms, "tokens": true}));
        (engine.load(&config).unwrap(), config)
    };
    let ((plain, before), (cheaper, after)) = (load(json!([])), load(json!(["projected-cache"])));
    assert_eq!(cheaper.metadata().extra["optimize"][0]["parts"], 2);
    assert_eq!(cheaper.metadata().max_batch, 16);
    let audio = fixture("digits.wav");
    let (expected, found) = (hear(&plain, &before, &audio), hear(&cheaper, &after, &audio));
    assert!(expected.texts().join("").len() > 20, "{:?}", expected.texts());
    assert_eq!(found.texts(), expected.texts());
    // The front; of each layer query, key, value and what goes out, the two convolutions over one frame, and two more. The output
    // is too small, and places are the same at each step.
    let (eight, _) = load(json!(["projected-cache", "int8"]));
    let told = &eight.metadata().extra["optimize"][1];
    assert_eq!(told["parts"], 1 + 2 * (4 + 2 + 2), "{told}");
    let moved = told["moved"].as_f64().unwrap() / told["greatest"].as_f64().unwrap();
    assert!((1e-4..0.3).contains(&moved), "{told}");
}
