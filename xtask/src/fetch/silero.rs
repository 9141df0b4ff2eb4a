//! Silero VAD's network.

use super::{Package, wheel::Wheel};
use crate::run::Done;
use std::path::Path;

const RELEASE: &str = "silero_vad-6.2.3";

/// Silero VAD's network and licence from the wheel on PyPI, into the folder of ONNX Runtime.
///
/// `plugin-kit/runtime/SOURCE.md` explains the commands.
pub(crate) fn silero(folder: &Path) -> Done {
    let files = [
        (format!("{RELEASE}.dist-info/licenses/LICENSE"), folder.join(format!("{RELEASE}-LICENSE"))),
        ("silero_vad/data/silero_vad.onnx".to_owned(), folder.join("silero_vad.onnx")),
    ];
    let (requirements, name) = ("plugin-kit/runtime/silero-vad.txt", format!("{RELEASE}-py3-none-any.whl"));
    Wheel { package: Package::Silero, requirements, name: &name, files: &files }.fetch()
}
