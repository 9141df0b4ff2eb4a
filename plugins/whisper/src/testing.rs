//! Shared by the tests: the synthetic models, the bundled recordings, and the results of the reference.

use crate::{
    config::Settings,
    folder::{Files, Layout},
    model::Whisper,
    network::Network,
    vocabulary::Vocabulary,
};
use auricle_plugin_kit::{
    logmel::Plan,
    onnx::{Options, Runtime},
};
use auricle_plugin_test::{StubHost, audio, onnx_runtime_dir};
use serde_json::Value;
use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub(crate) fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name)
}

/// A model, and the reference's results for the recordings.
pub(crate) struct Referenced {
    pub(crate) name: String,
    pub(crate) model: Whisper,
    pub(crate) golden: Value,
}

/// The committed models, one after another, and those created by `cargo xtask parity whisper`: `AURICLE_WHISPER_MODELS`
/// lists folders with a `golden.json`.
pub(crate) fn referenced() -> impl Iterator<Item = Referenced> {
    let trained = root().join("fixtures/whisper-digits");
    let committed = [
        (testdata("nano"), "nano"),
        (testdata("nano.en"), "nano.en"),
        (testdata("nano.fast"), "nano"),
        (trained, "whisper-digits"),
    ];
    let committed = committed.map(|(folder, golden)| (folder, testdata(&format!("{golden}.json"))));
    let made = env::var_os("AURICLE_WHISPER_MODELS").unwrap_or_default();
    let made = env::split_paths(&made).filter(|folder| !folder.as_os_str().is_empty());
    let made: Vec<_> = made.map(|folder| (folder.clone(), folder.join("golden.json"))).collect();
    committed.into_iter().chain(made).map(|(folder, golden)| referenced_by(&golden, &folder, &folder, ""))
}

/// A bundled recording, at 16 kHz.
pub(crate) fn fixture(name: &str) -> Vec<f32> {
    audio::wav_floats(&root().join("fixtures").join(name))
}

/// The model `nano` exported with 16 bits; the reference is that with 32.
pub(crate) fn halved() -> Referenced {
    referenced_by(&testdata("nano.json"), &testdata("nano"), &testdata("nano.fp16"), "fp16")
}

fn referenced_by(golden: &Path, folder: &Path, networks: &Path, precision: &str) -> Referenced {
    let name = networks.file_name().unwrap().to_string_lossy().into_owned();
    let golden = serde_json::from_slice(&fs::read(golden).unwrap()).unwrap();
    Referenced { name, model: model(folder, networks, precision), golden }
}

/// The model in a folder, with the networks of this precision in that or another folder.
fn model(folder: &Path, networks: &Path, precision: &str) -> Whisper {
    let settings = Settings::read(folder).unwrap();
    let vocabulary = Vocabulary::read(folder, &settings).unwrap();
    let files = Files::in_folder(networks, Layout::Auto, precision).unwrap();
    let host = StubHost::new().resource_dir(onnx_runtime_dir(env!("CARGO_MANIFEST_DIR")));
    let runtime = Runtime::load(&host.as_host()).unwrap();
    let network = Network::open(&runtime, &files, &settings, Options::default()).unwrap();
    let features = Arc::new(Plan::new(settings.config.num_mel_bins).unwrap());
    Whisper { network, vocabulary, settings, features, layout: files.layout() }
}
