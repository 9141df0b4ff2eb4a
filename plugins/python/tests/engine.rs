//! What the server sees of the engine without an interpreter: its refusals, and the files that it names. The tests with
//! one are in `tests/engines/python.rs`.

#![allow(clippy::unwrap_used, reason = "test code")]

use auricle_engine_python::Python;
use auricle_plugin_test::{StubHost, TestEngine};
use serde_json::{Value, json};
use std::fs;
use tempfile::TempDir;

/// An environment whose library of Python is not one.
fn environment() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: String| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let home = folder.path().join("base/bin");
    write("base/lib/libpython3.12.so.1.0", "not a library".into());
    write("base/lib/python3.12/encodings/__init__.py", String::new());
    write("venv/lib/python3.12/site-packages/numpy/__init__.py", String::new());
    write("venv/pyvenv.cfg", format!("home = {}\nversion = 3.12.1\n", home.display()));
    write("engines/mine.py", String::new());
    folder
}

/// Fields of a preset; its paths are relative to the folder, which is a resource directory.
fn fields(more: &[(&str, Value)]) -> Value {
    let mut fields = json!({"module": "mine", "loader": "Loader", "venv": "venv", "path": "engines"});
    for (name, value) in more {
        fields[name] = value.clone();
    }
    fields
}

fn engine(folder: &TempDir) -> TestEngine {
    TestEngine::in_process(Python, &StubHost::new().resource_dir(folder.path()))
}

#[test]
fn it_names_the_environment_the_library_and_the_modules_but_not_more() {
    let folder = environment();
    let engine = engine(&folder);
    let files = engine.loaded().files(&engine.config(fields(&[]))).unwrap();
    let expected = ["venv", "base/lib", "base/lib/python3.12", "engines"].map(|path| folder.path().join(path));
    assert_eq!(files, Some(expected.to_vec()));
}

#[test]
fn what_is_wrong_is_said_with_its_field() {
    let folder = environment();
    let engine = engine(&folder);
    let refusal = |name: &str, value: Value| engine.refusal(fields(&[(name, value)])).message;
    assert!(refusal("venv", json!("absent")).starts_with("field `venv`: there is no absent (relative paths are "));
    assert!(refusal("path", json!("absent")).starts_with("field `path`: there is no absent (relative paths are "));
    assert!(refusal("path", json!("engines/mine.py")).ends_with("mine.py is not a folder"));
    assert!(refusal("venv", json!("engines")).contains("engines is not a virtual environment (pyvenv.cfg: "));
    let message = refusal("max_streams", json!(1));
    assert!(message.starts_with("field `venv`: ") && message.contains("libpython3.12.so.1.0 cannot be opened: "));
}
