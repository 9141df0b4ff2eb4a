//! ONNX Runtime's library.

use super::{Package, empty};
use crate::run::{Done, root, run, target};
use std::{
    env::consts::{ARCH, DLL_PREFIX, DLL_SUFFIX, OS},
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

const RELEASE: &str = "onnxruntime-1.32.0";

/// The name under which programs look for the library.
fn library() -> String {
    format!("{DLL_PREFIX}onnxruntime{DLL_SUFFIX}")
}

/// The resource directory of the library.
pub(super) fn folder() -> PathBuf {
    target().join("runtime")
}

/// Whether the library is there.
pub(super) fn is_here() -> bool {
    folder().join(library()).is_file()
}

/// ONNX Runtime's library and licence from the wheel on PyPI; returns their folder, a resource directory.
///
/// `plugin-kit/runtime/SOURCE.md` explains the commands.
pub(crate) fn onnxruntime() -> Done<PathBuf> {
    let (folder, library) = (folder(), library());
    let platform = match (OS, ARCH) {
        ("linux", "x86_64") => "manylinux_2_28_x86_64",
        ("linux", "aarch64") => "manylinux_2_28_aarch64",
        ("macos", "aarch64") => "macosx_14_0_arm64",
        ("windows", "x86_64") => "win_amd64",
        ("windows", "aarch64") => "win_arm64",
        _ if is_here() => return Ok(folder),
        _ => {
            return Err(format!(
                "PyPI has no {RELEASE} for {OS} {ARCH}: put a {library} 1.24 or later into {}",
                folder.display()
            ));
        }
    };
    let licence = format!("{RELEASE}-LICENSE");
    if is_here() && folder.join(&licence).is_file() {
        return Ok(folder);
    }
    Package::OnnxRuntime.say();
    let unpacked = target().join("runtime.unpacking");
    empty(&unpacked).map_err(|error| format!("{}: {error}", unpacked.display()))?;
    run(Command::new("python3")
        .args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--implementation", "cp"])
        .args(["--python-version", "3.12", "--platform", platform, "--require-hashes", "-r"])
        .arg(root().join("plugin-kit/runtime/requirements.txt"))
        .arg("-d")
        .arg(&unpacked))?;
    let wheel = unpacked.join(format!("{RELEASE}-cp312-cp312-{platform}.whl"));
    run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(wheel).arg(&unpacked))?;
    lay_out(&unpacked.join("onnxruntime"), &library, &unpacked.join("runtime"))
        .and_then(|()| if folder.exists() { fs::remove_dir_all(&folder) } else { Ok(()) })
        .and_then(|()| fs::rename(unpacked.join("runtime"), &folder))
        .and_then(|()| fs::remove_dir_all(&unpacked))
        .map_err(|error| format!("cannot lay out {}: {error}", folder.display()))?;
    Ok(folder)
}

/// Copies the library, under the names that programs look for, and its licences from an unpacked wheel.
fn lay_out(package: &Path, library: &str, folder: &Path) -> io::Result<()> {
    let version = RELEASE.trim_start_matches("onnxruntime-");
    let versioned = match OS {
        "windows" => library.to_owned(),
        "macos" => format!("{DLL_PREFIX}onnxruntime.{version}{DLL_SUFFIX}"),
        _ => format!("{library}.{version}"),
    };
    fs::create_dir(folder)?;
    fs::rename(package.join("capi").join(&versioned), folder.join(&versioned))?;
    if versioned != library {
        fs::hard_link(folder.join(&versioned), folder.join(library))?;
    }
    for paper in ["LICENSE", "ThirdPartyNotices.txt"] {
        fs::rename(package.join(paper), folder.join(format!("{RELEASE}-{paper}")))?;
    }
    Ok(())
}
