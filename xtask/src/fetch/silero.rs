//! Silero VAD's network.

use super::{Package, empty};
use crate::run::{Done, root, run, target};
use std::{fs, path::Path, process::Command};

const RELEASE: &str = "silero_vad-6.2.3";

/// Silero VAD's network and licence from the wheel on PyPI, into the folder of ONNX Runtime.
///
/// `plugin-kit/runtime/SOURCE.md` explains the commands.
pub(crate) fn silero(folder: &Path) -> Done {
    let (network, licence) = (folder.join("silero_vad.onnx"), folder.join(format!("{RELEASE}-LICENSE")));
    if network.is_file() && licence.is_file() {
        return Ok(());
    }
    Package::Silero.say();
    let unpacked = target().join("silero.unpacking");
    empty(&unpacked).map_err(|error| format!("{}: {error}", unpacked.display()))?;
    run(Command::new("python3")
        .args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes", "-r"])
        .arg(root().join("plugin-kit/runtime/silero-vad.txt"))
        .arg("-d")
        .arg(&unpacked))?;
    let wheel = unpacked.join(format!("{RELEASE}-py3-none-any.whl"));
    run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(wheel).arg(&unpacked))?;
    // The network comes last: if it exists, everything does.
    fs::rename(unpacked.join(format!("{RELEASE}.dist-info/licenses/LICENSE")), &licence)
        .and_then(|()| fs::rename(unpacked.join("silero_vad/data/silero_vad.onnx"), &network))
        .and_then(|()| fs::remove_dir_all(&unpacked))
        .map_err(|error| format!("cannot lay out {}: {error}", network.display()))
}
