//! PocketSphinx's source package.

use super::{Package, empty};
use crate::run::{Done, root, run, target};
use std::{fs, path::PathBuf, process::Command};

const RELEASE: &str = "pocketsphinx-5.1.1";

/// Where the package is unpacked.
pub(super) fn folder() -> PathBuf {
    target().join("vendor").join(RELEASE)
}

/// PocketSphinx's C source and its English model from the source package on PyPI; returns their folder.
///
/// `plugins/pocketsphinx/SOURCE.md` explains the commands.
pub(crate) fn pocketsphinx() -> Done<PathBuf> {
    let folder = folder();
    if Package::PocketSphinx.is_here() {
        return Ok(folder);
    }
    Package::PocketSphinx.say();
    let vendor = target().join("vendor");
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
    // Unpacked elsewhere and then moved, so that an interrupted run leaves no incomplete folder.
    let unpacked = vendor.join("unpacking");
    empty(&unpacked).map_err(|error| format!("{}: {error}", unpacked.display()))?;
    run(Command::new("tar").arg("-xzf").arg(download.join(format!("{RELEASE}.tar.gz"))).arg("-C").arg(&unpacked))?;
    fs::rename(unpacked.join(RELEASE), &folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder)
}
