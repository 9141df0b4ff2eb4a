//! Shared by the tests: the engine with a folder of models, the committed model, and the bundled recordings.

#![allow(dead_code, reason = "no test binary needs all of it")]

use auricle_engine_onnx::Loader;
use auricle_plugin_test::{StubHost, TestEngine, TestModel, audio, onnx_runtime_dir};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The folder of ONNX Runtime.
pub(crate) fn runtime() -> PathBuf {
    onnx_runtime_dir(env!("CARGO_MANIFEST_DIR"))
}

/// The engine with the models in this folder.
pub(crate) fn engine(models: &Path) -> TestEngine {
    TestEngine::in_process(Loader, &StubHost::new().resource_dir(runtime()).resource_dir(models))
}

/// The committed model, with these fields.
pub(crate) fn digits(mut fields: Value) -> TestModel {
    fields["model"] = "digits".into();
    engine(&root().join("models")).load(fields)
}

/// A bundled recording, at 16 kHz.
pub(crate) fn fixture(name: &str) -> Vec<f32> {
    audio::wav_floats(&root().join("fixtures").join(name))
}
