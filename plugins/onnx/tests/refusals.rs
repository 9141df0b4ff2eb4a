//! Models and runtimes that cannot be used: each is refused with a message that names the problem, and nothing panics.

#![allow(clippy::unwrap_used, reason = "test code")]

mod harness;

use auricle_engine_onnx::Loader;
use auricle_plugin_api::ErrorCode;
use auricle_plugin_test::{StubHost, TestEngine};
use harness::{engine, root};
use serde_json::json;
use std::{fs, ops::Range, path::Path, process::Command};

/// A folder `m` with the committed model and changed files.
fn changed(network: impl FnOnce(Vec<u8>) -> Vec<u8>, tokens: impl FnOnce(String) -> String) -> tempfile::TempDir {
    let models = tempfile::tempdir().unwrap();
    let (from, to) = (root().join("models/digits"), models.path().join("m"));
    fs::create_dir(&to).unwrap();
    fs::write(to.join("model.onnx"), network(fs::read(from.join("model.onnx")).unwrap())).unwrap();
    fs::write(to.join("tokens.txt"), tokens(fs::read_to_string(from.join("tokens.txt")).unwrap())).unwrap();
    models
}

/// Replaces bytes by others of the same number, wherever they occur.
fn patched(mut bytes: Vec<u8>, old: &[u8], new: &[u8]) -> Vec<u8> {
    assert_eq!(old.len(), new.len());
    let places: Vec<usize> = (0..=bytes.len() - old.len()).filter(|at| bytes[*at..].starts_with(old)).collect();
    assert!(!places.is_empty(), "{old:?} is not in the file");
    for at in places {
        bytes[at..at + new.len()].copy_from_slice(new);
    }
    bytes
}

/// A metadata entry in the file: the key, the tag and length of the value, the value.
fn entry(key: &str, value: &str) -> Vec<u8> {
    [key.as_bytes(), &[0x12, value.len() as u8], value.as_bytes()].concat()
}

/// The value of a metadata entry in the committed model.
fn value(key: &str) -> String {
    let bytes = fs::read(root().join("models/digits/model.onnx")).unwrap();
    let at = (0..bytes.len()).find(|at| bytes[*at..].starts_with(key.as_bytes())).unwrap() + key.len();
    let length = usize::from(bytes[at + 1]);
    String::from_utf8(bytes[at + 2..at + 2 + length].to_vec()).unwrap()
}

/// The error for the committed model with another value of a metadata entry, of the same length.
fn with_metadata(key: &str, new: &str) -> String {
    let old = value(key);
    message(&changed(|bytes| patched(bytes, &entry(key, &old), &entry(key, new)), |tokens| tokens))
}

fn message(models: &tempfile::TempDir) -> String {
    let refusal = engine(models.path()).refusal(json!({"model": "m"}));
    assert_eq!(refusal.code, ErrorCode::MODEL, "{refusal}");
    refusal.message
}

#[test]
fn a_missing_folder_or_file_is_named() {
    let models = tempfile::tempdir().unwrap();
    let engine = engine(models.path());
    let missing = engine.refusal(json!({"model": "m"})).message;
    assert!(
        missing.contains("no `m` in the engine's folder /nowhere, ")
            && missing.contains(models.path().to_str().unwrap()),
        "{missing}"
    );
    let absent = engine.refusal(json!({}));
    assert_eq!((absent.code, absent.message.as_str()), (ErrorCode::CONFIG, "field `model`: is missing"));
    fs::create_dir(models.path().join("m")).unwrap();
    let empty = engine.refusal(json!({"model": "m"})).message;
    assert!(empty.ends_with("holds no ONNX file (NAME.onnx)"), "{empty}");
    fs::write(models.path().join("m/a.onnx"), "").unwrap();
    let tokens = engine.refusal(json!({"model": "m"})).message;
    assert!(tokens.contains("holds no tokens.txt"), "{tokens}");
}

#[test]
fn tokens_that_do_not_fit_are_told_apart() {
    let line = message(&changed(|bytes| bytes, |tokens| tokens + "nonsense\n"));
    assert!(line.contains("tokens.txt: line 12: not `SYMBOL ID`: `nonsense`"), "{line}");
    let more = message(&changed(|bytes| bytes, |tokens| tokens + "more 11\n"));
    assert!(more.ends_with("tokens.txt has 12 symbols, but the network has 11"), "{more}");
    let blank = message(&changed(|bytes| bytes, |tokens| tokens.replace("<blk>", "blank")));
    assert!(blank.contains("has no blank"), "{blank}");
}

#[test]
fn a_file_that_is_no_network_is_refused_by_the_runtime() {
    for bytes in [Vec::new(), b"not a network".to_vec(), vec![0xff; 4_096]] {
        let refusal = message(&changed(|_| bytes, |tokens| tokens));
        assert!(refusal.contains("model.onnx: ONNX Runtime cannot use it: "), "{refusal}");
    }
}

#[test]
fn a_cut_file_is_refused() {
    let length = fs::metadata(root().join("models/digits/model.onnx")).unwrap().len() as usize;
    for cut in [1, 64, length / 2, length - 40, length - 1] {
        message(&changed(|bytes| bytes[..cut].to_vec(), |tokens| tokens));
    }
}

#[test]
fn foreign_or_missing_metadata_are_named() {
    let missing = message(&changed(|bytes| patched(bytes, b"chunk_shift", b"chunk_drift"), |tokens| tokens));
    assert!(missing.contains("model.onnx is not a streaming NeMo CTC model"), "{missing}");
    assert!(missing.ends_with("has no metadata `chunk_shift`"), "{missing}");
    let old = value("window_size");
    let none = with_metadata("window_size", &"x".repeat(old.len()));
    assert!(none.contains("metadata `window_size` = `x"), "{none}");
}

#[test]
fn metadata_that_lie_about_shapes_are_found_out_at_load() {
    let nines = |key: &str| "9".repeat(value(key).len());
    for (key, problem) in [
        ("window_size", "the metadata say"),
        ("chunk_shift", "does not match its metadata"),
        ("subsampling_factor", "(subsampling factor)"),
        ("vocab_size", "not [1, frames, "),
        ("cache_last_time_dim1", "the metadata say"),
        ("cache_last_time_dim2", "the metadata say"),
    ] {
        let refusal = with_metadata(key, &nines(key));
        assert!(refusal.contains(problem), "{key}: {refusal}");
    }
}

/// The declaration of an output in a file's graph, with the tag and length before it; the next one follows.
fn output(bytes: &[u8], name: &str) -> Range<usize> {
    let begin = [&[0x0a, name.len() as u8], name.as_bytes()].concat();
    let is_one = |at: &usize| bytes[*at] == 0x62 && bytes[at + 2..].starts_with(&begin);
    let at = (0..bytes.len() - begin.len()).find(is_one).unwrap();
    at..at + 2 + usize::from(bytes[at + 1])
}

#[test]
fn outputs_that_are_not_what_the_next_step_takes_are_found_out_at_load() {
    for (one, other, problem) in [
        ("logprobs", "encoded_lengths", "does not match its metadata: a step gave [1], not [1, frames, 11]"),
        (
            "cache_last_channel_next",
            "cache_last_time_next",
            "a step gave [1, 8, 8, 128] for the input `cache_last_channel`, which is [1, 1, 1, 1]",
        ),
        (
            "cache_last_time_next",
            "cache_last_channel_next_len",
            "a step gave [1] for the input `cache_last_time`, which is [1, 8, 8, 128]",
        ),
    ] {
        let swapped = |mut bytes: Vec<u8>| {
            let (one, other) = (output(&bytes, one), output(&bytes, other));
            assert_eq!(one.end, other.start);
            bytes[one.start..other.end].rotate_left(one.len());
            bytes
        };
        let refusal = message(&changed(swapped, |tokens| tokens));
        assert!(refusal.contains("model.onnx ") && refusal.ends_with(problem), "{refusal}");
    }
}

#[test]
fn a_runtime_that_is_missing_too_old_or_none_is_told_so_and_can_be_put_right() {
    let places = tempfile::tempdir().unwrap();
    let here = places.path();
    let digits = json!({"model": "digits"});
    let host = StubHost::new().resource_dir(here).resource_dir(root().join("models"));
    let refused = |digits: &serde_json::Value| TestEngine::in_process(Loader, &host).refusal(digits.clone()).message;
    // There is one runtime for the whole process, which stays loaded, so another process is needed.
    if std::env::var_os("AURICLE_TEST_CHILD").is_none() {
        let test = "a_runtime_that_is_missing_too_old_or_none_is_told_so_and_can_be_put_right";
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env("AURICLE_TEST_CHILD", "1")
            .output()
            .unwrap();
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
        return;
    }
    let library = here.join(auricle_plugin_kit::onnx::LIBRARY);
    let missing = refused(&digits);
    assert!(missing.starts_with("ONNX Runtime is missing: no `"), "{missing}");
    fs::write(&library, "not a library").unwrap();
    let none = refused(&digits);
    assert!(none.starts_with("ONNX Runtime at ") && none.contains(" cannot be loaded: "), "{none}");
    fs::remove_file(&library).unwrap();
    build(here, "stranger", "");
    let stranger = refused(&digits);
    assert!(stranger.contains(" is not ONNX Runtime"), "{stranger}");
    fs::remove_file(&library).unwrap();
    build(here, "old", OLD);
    let old = refused(&digits);
    assert!(old.starts_with("ONNX Runtime 1.17.3 at ") && old.contains("is too old: 1.24 or later is needed"), "{old}");
    fs::remove_file(&library).unwrap();
    fs::copy(harness::runtime().join(auricle_plugin_kit::onnx::LIBRARY), &library).unwrap();
    TestEngine::in_process(Loader, &host).load(digits);
}

/// The only part of an old runtime that matters before it is refused: its version.
const OLD: &str = r#"
    use std::ffi::{c_char, c_void};
    #[repr(C)]
    pub struct Base {
        api: extern "C" fn(u32) -> *const c_void,
        version: extern "C" fn() -> *const c_char,
    }
    extern "C" fn api(_: u32) -> *const c_void {
        std::ptr::null()
    }
    extern "C" fn version() -> *const c_char {
        c"1.17.3".as_ptr()
    }
    static BASE: Base = Base { api, version };
    #[unsafe(no_mangle)]
    pub extern "C" fn OrtGetApiBase() -> *const Base {
        &BASE
    }
"#;

/// Compiles a library in place of the runtime.
fn build(folder: &Path, name: &str, source: &str) {
    let file = folder.join(format!("{name}.rs"));
    fs::write(&file, source).unwrap();
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let library = folder.join(auricle_plugin_kit::onnx::LIBRARY);
    let status = Command::new(rustc)
        .args(["--edition", "2024", "--crate-type", "cdylib", "--crate-name", name, "-o"])
        .args([&library, &file])
        .status()
        .unwrap();
    assert!(status.success());
}
