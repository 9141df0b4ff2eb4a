//! Invalid folders of other kinds than NeMo's CTC (`refusals.rs`): each is refused when it is loaded, with a message
//! that names the problem, and nothing panics.

#![allow(clippy::unwrap_used, reason = "test code")]

mod harness;

use auricle_plugin_api::ErrorCode;
use harness::{engine, root};
use serde_json::json;
use std::{fs, path::Path};

/// The error for a small model's folder after a change.
fn refused(kind: &str, change: impl FnOnce(&Path)) -> String {
    let models = tempfile::tempdir().unwrap();
    let to = models.path().join("m");
    fs::create_dir(&to).unwrap();
    for file in fs::read_dir(root().join(format!("plugins/onnx/testdata/{kind}-small"))).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
    change(&to);
    engine(models.path()).refusal(json!({"model": "m"})).message
}

/// Replaces the value of a metadata entry in the file: the key, the tag and length of the value, the value.
fn set(file: &Path, key: &str, old: &str, new: &str) {
    let entry = |value: &str| {
        let length = [key.len() as u8, 0x12, value.len() as u8];
        [&length[..1], key.as_bytes(), &length[1..], value.as_bytes()].concat()
    };
    let (old, new) = (entry(old), entry(new));
    assert_eq!(old.len(), new.len());
    let mut bytes = fs::read(file).unwrap();
    let at = bytes.windows(old.len()).position(|window| window == old).unwrap();
    bytes[at..at + new.len()].copy_from_slice(&new);
    fs::write(file, bytes).unwrap();
}

#[test]
fn an_unknown_layout_is_named_with_what_was_found() {
    let message =
        refused("zipformer2-ctc", |model| set(&model.join("model.onnx"), "model_type", "zipformer2", "zipformer9"));
    assert!(message.contains("model.onnx is not of a supported kind (zipformer2 transducer and CTC; "), "{message}");
    assert!(message.contains("`model_type` = `zipformer9` and no `cache_last_channel_dim1`"), "{message}");
    assert!(message.ends_with("inputs begin with x, cached_key_0, cached_nonlin_attn_0, cached_val1_0"), "{message}");
}

#[test]
fn metadata_of_zipformers_that_lie_are_found_out() {
    for (key, old, new, problem) in [
        ("T", "45", "46", "input `x` is "),
        ("decode_chunk_len", "32", "16", "a step of 16 frames gave 8, not one for every 4 (subsampling factor)"),
        ("decode_chunk_len", "32", "64", "window 45, shift 64, subsampling 4"),
        (
            "encoder_dims",
            "24,32,24",
            "24,32,2x",
            "metadata `encoder_dims` = `24,32,2x`, which is not a list of numbers",
        ),
        ("encoder_dims", "24,32,24", "24,32024", "has 3 stacks, but 2 in `encoder_dims`"),
        ("num_encoder_layers", "1,1,1", "1,1,2", "has 21 inputs instead of 27"),
        ("left_context_len", "32,8,16", "32,9,16", "input `cached_key_1` is "),
        ("cnn_module_kernels", "7,5,7", "7,5,9", "input `cached_conv1_2` is "),
        ("num_heads", "2,2,2", "2,2,3", "input `cached_key_2` is "),
    ] {
        for (kind, file) in [("zipformer2-ctc", "model.onnx"), ("zipformer2-transducer", "encoder.onnx")] {
            let message = refused(kind, |model| set(&model.join(file), key, old, new));
            assert!(message.contains(problem) && message.contains(file), "{key}: {message}");
        }
    }
}

#[test]
fn a_transducer_whose_files_do_not_go_together_is_refused() {
    let missing = refused("zipformer2-transducer", |model| {
        for file in ["joiner.onnx", "joiner.int8.onnx", "joiner.fp16.onnx"] {
            fs::remove_file(model.join(file)).unwrap();
        }
    });
    assert!(missing.ends_with("holds no joiner.onnx, which goes with encoder.onnx"), "{missing}");
    let swapped = refused("zipformer2-transducer", |model| {
        fs::copy(model.join("decoder.onnx"), model.join("joiner.onnx")).unwrap();
    });
    assert!(swapped.contains("joiner.onnx has 1 inputs, "), "{swapped}");
    let foreign = refused("nemo-transducer", |model| {
        fs::copy(
            root().join("plugins/onnx/testdata/zipformer2-transducer-small/joiner.onnx"),
            model.join("joiner.onnx"),
        )
        .unwrap();
    });
    assert!(foreign.contains("joiner.onnx "), "{foreign}");
    let family = refused("nemo-transducer", |model| {
        fs::copy(
            root().join("plugins/onnx/testdata/zipformer2-transducer-small/decoder.onnx"),
            model.join("decoder.onnx"),
        )
        .unwrap();
    });
    assert!(
        family.contains("decoder.onnx has 1 inputs, but the metadata require 4 for States { layers: 2, hidden: 24 }"),
        "{family}"
    );
}

#[test]
fn metadata_of_transducers_that_lie_are_found_out() {
    let decoder =
        |key, old, new| refused("zipformer2-transducer", |model| set(&model.join("decoder.onnx"), key, old, new));
    for message in [decoder("context_size", "2", "3"), decoder("context_size", "2", "0")] {
        assert!(message.contains("decoder.onnx "), "{message}");
    }
    let none = decoder("context_size", "2", "x");
    assert!(none.ends_with("its decoder has metadata `context_size` = `x`, which is not a number"), "{none}");
    let vocabulary = decoder("vocab_size", "300", "301");
    assert!(vocabulary.ends_with("tokens.txt has 300 symbols, but the network has 301"), "{vocabulary}");
    for (key, old, new) in [("pred_hidden", "24", "32"), ("pred_rnn_layers", "2", "3")] {
        let message = refused("nemo-transducer", |model| set(&model.join("encoder.onnx"), key, old, new));
        assert!(message.contains("decoder.onnx "), "{key}: {message}");
    }
    let vocabulary = refused("nemo-transducer", |model| set(&model.join("encoder.onnx"), "vocab_size", "299", "298"));
    assert!(vocabulary.ends_with("tokens.txt has 300 symbols, but the network has 299"), "{vocabulary}");
}

#[test]
fn the_blank_must_be_where_the_kind_has_it() {
    let last = |model: &Path| {
        let file = model.join("tokens.txt");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text.replace("<blk> 0\n", "first 0\n").replace(" 299\n", "x 299\n<blk> 300\n")).unwrap();
    };
    let message = refused("zipformer2-transducer", last);
    assert!(message.contains("tokens.txt has 301 symbols"), "{message}");
    let message = refused("zipformer2-transducer", |model| {
        let file = model.join("tokens.txt");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text.replace("<blk> 0\n", "other 0\n").replace("<unk> 2\n", "<blk> 2\n")).unwrap();
    });
    assert!(message.ends_with("has the blank as symbol 2, but a network of this kind has it as 0"), "{message}");
}

#[test]
fn a_cut_file_of_a_transducer_is_refused() {
    for file in ["encoder.onnx", "decoder.onnx", "joiner.onnx"] {
        for kind in ["zipformer2-transducer", "nemo-transducer"] {
            let message = refused(kind, |model| {
                let bytes = fs::read(model.join(file)).unwrap();
                fs::write(model.join(file), &bytes[..bytes.len() / 2]).unwrap();
            });
            assert!(message.contains(&format!("{file}: ONNX Runtime cannot use it: ")), "{message}");
        }
    }
}

#[test]
fn a_precision_that_is_not_there_is_named() {
    let engine = engine(&root().join("plugins/onnx/testdata"));
    let refusal = engine.refusal(json!({"model": "zipformer2-ctc-small", "precision": "int8"}));
    assert_eq!(refusal.code, ErrorCode::CONFIG);
    assert!(refusal.message.ends_with("holds no NAME.int8.onnx"), "{refusal}");
}
