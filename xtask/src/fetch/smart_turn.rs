//! The network of the stage `smart-turn`.

use super::{Package, wheel::Wheel};
use crate::run::Done;
use std::path::Path;

const RELEASE: &str = "pipecat_ai-1.14.0";
/// The network's file name.
pub(super) const NETWORK: &str = "smart-turn-v3.2-cpu.onnx";

/// The network and its licence from the wheel on PyPI, into the folder of ONNX Runtime.
///
/// `plugins/smart-turn/weights/SOURCE.md` explains the commands.
pub(crate) fn smart_turn(folder: &Path) -> Done {
    let files = [
        (format!("{RELEASE}.dist-info/licenses/LICENSE"), folder.join("smart-turn-v3.2-LICENSE")),
        (format!("pipecat/audio/turn/smart_turn/data/{NETWORK}"), folder.join(NETWORK)),
    ];
    let (requirements, name) = ("plugins/smart-turn/weights/smart-turn.txt", format!("{RELEASE}-py3-none-any.whl"));
    Wheel { package: Package::SmartTurn, requirements, name: &name, files: &files }.fetch()
}
