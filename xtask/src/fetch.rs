//! Downloads from the package registries with their ordinary clients; checked by hash, and kept under `target/`.

use crate::run::{Done, root, run, target};
use std::{
    env::consts::{ARCH, DLL_PREFIX, DLL_SUFFIX, OS},
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

const POCKETSPHINX: &str = "pocketsphinx-5.1.1";
const ONNXRUNTIME: &str = "onnxruntime-1.32.0";
const SILERO: &str = "silero_vad-6.2.3";

/// PocketSphinx's C source and its English model from the source package on PyPI; returns their folder.
///
/// `plugins/pocketsphinx/SOURCE.md` explains the commands.
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
    // Unpacked elsewhere and then moved, so that an interrupted run leaves no incomplete folder.
    let unpacked = vendor.join("unpacking");
    empty(&unpacked).map_err(|error| format!("{}: {error}", unpacked.display()))?;
    run(Command::new("tar").arg("-xzf").arg(download.join(format!("{POCKETSPHINX}.tar.gz"))).arg("-C").arg(&unpacked))?;
    fs::rename(unpacked.join(POCKETSPHINX), &folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder)
}

/// ONNX Runtime's library and licence from the wheel on PyPI; returns their folder, a resource directory.
///
/// `plugin-kit/runtime/SOURCE.md` explains the commands.
pub(crate) fn onnxruntime() -> Done<PathBuf> {
    let folder = target().join("runtime");
    let library = format!("{DLL_PREFIX}onnxruntime{DLL_SUFFIX}");
    let platform = match (OS, ARCH) {
        ("linux", "x86_64") => "manylinux_2_28_x86_64",
        ("linux", "aarch64") => "manylinux_2_28_aarch64",
        ("macos", "aarch64") => "macosx_14_0_arm64",
        ("windows", "x86_64") => "win_amd64",
        ("windows", "aarch64") => "win_arm64",
        _ if folder.join(&library).is_file() => return Ok(folder),
        _ => {
            return Err(format!(
                "PyPI has no {ONNXRUNTIME} for {OS} {ARCH}: put a {library} 1.24 or later into {}",
                folder.display()
            ));
        }
    };
    let licence = format!("{ONNXRUNTIME}-LICENSE");
    if folder.join(&library).is_file() && folder.join(&licence).is_file() {
        return Ok(folder);
    }
    eprintln!("xtask: fetching {ONNXRUNTIME} (the neural networks' library, 28 MB) from PyPI with pip");
    let unpacked = target().join("runtime.unpacking");
    empty(&unpacked).map_err(|error| format!("{}: {error}", unpacked.display()))?;
    run(Command::new("python3")
        .args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--implementation", "cp"])
        .args(["--python-version", "3.12", "--platform", platform, "--require-hashes", "-r"])
        .arg(root().join("plugin-kit/runtime/requirements.txt"))
        .arg("-d")
        .arg(&unpacked))?;
    let wheel = unpacked.join(format!("{ONNXRUNTIME}-cp312-cp312-{platform}.whl"));
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
    let version = ONNXRUNTIME.trim_start_matches("onnxruntime-");
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
        fs::rename(package.join(paper), folder.join(format!("{ONNXRUNTIME}-{paper}")))?;
    }
    Ok(())
}

/// Silero VAD's network and licence from the wheel on PyPI, into the folder of ONNX Runtime.
///
/// `plugin-kit/runtime/SOURCE.md` explains the commands.
pub(crate) fn silero(folder: &Path) -> Done {
    let (network, licence) = (folder.join("silero_vad.onnx"), folder.join(format!("{SILERO}-LICENSE")));
    if network.is_file() && licence.is_file() {
        return Ok(());
    }
    eprintln!("xtask: fetching {SILERO} (the network that detects speech, 11 MB) from PyPI with pip");
    let unpacked = target().join("silero.unpacking");
    empty(&unpacked).map_err(|error| format!("{}: {error}", unpacked.display()))?;
    run(Command::new("python3")
        .args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes", "-r"])
        .arg(root().join("plugin-kit/runtime/silero-vad.txt"))
        .arg("-d")
        .arg(&unpacked))?;
    let wheel = unpacked.join(format!("{SILERO}-py3-none-any.whl"));
    run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(wheel).arg(&unpacked))?;
    // The network comes last: if it exists, everything does.
    fs::rename(unpacked.join(format!("{SILERO}.dist-info/licenses/LICENSE")), &licence)
        .and_then(|()| fs::rename(unpacked.join("silero_vad/data/silero_vad.onnx"), &network))
        .and_then(|()| fs::remove_dir_all(&unpacked))
        .map_err(|error| format!("cannot lay out {}: {error}", network.display()))
}

/// Creates an empty folder, and deletes an existing one.
fn empty(folder: &Path) -> io::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)
}
