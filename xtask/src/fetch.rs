//! What is fetched from the registries, through their ordinary clients, checked by hash, and kept under `target/`.

use crate::run::{Done, root, run, target};
use std::{fs, path::PathBuf, process::Command};

const POCKETSPHINX: &str = "pocketsphinx-5.1.1";

/// PocketSphinx's C source and its English model, out of the source package on PyPI; returns their folder.
///
/// `plugins/pocketsphinx/SOURCE.md` has the facts behind the command.
pub(crate) fn pocketsphinx() -> Done<PathBuf> {
    let vendor = target().join("vendor");
    let folder = vendor.join(POCKETSPHINX);
    if folder.join("model").is_dir() {
        return Ok(folder);
    }
    eprintln!("xtask: fetching {POCKETSPHINX} (C source and English model, 34 MB) from PyPI with pip");
    let source = root().join("plugins/pocketsphinx/source");
    let download = vendor.join("download");
    run(Command::new("python3")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONPATH", source.join("stub"))
        .args(["-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "pocketsphinx"])
        .args(["--no-build-isolation", "--require-hashes", "-r"])
        .arg(source.join("requirements.txt"))
        .arg("-d")
        .arg(&download))?;
    // Unpacked beside its place and moved there whole: an interrupted run leaves nothing half done.
    let unpacked = vendor.join("unpacking");
    if unpacked.exists() {
        fs::remove_dir_all(&unpacked).map_err(|error| format!("{}: {error}", unpacked.display()))?;
    }
    fs::create_dir_all(&unpacked).map_err(|error| format!("{}: {error}", unpacked.display()))?;
    run(Command::new("tar").arg("-xzf").arg(download.join(format!("{POCKETSPHINX}.tar.gz"))).arg("-C").arg(&unpacked))?;
    fs::rename(unpacked.join(POCKETSPHINX), &folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder)
}
