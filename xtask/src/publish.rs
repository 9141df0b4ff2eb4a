//! The crates for authors of engines, as they would be published on crates.io.

use crate::run::{Done, cargo, run, target};

/// Each after those that it uses.
const CRATES: [&str; 4] = ["auricle-plugin-api", "auricle-onnx-file", "auricle-plugin-test", "auricle-plugin-kit"];

/// Packages them: their metadata, their files, and the versions of what they use. Nothing is compiled.
pub(crate) fn check() -> Done {
    let mut command = cargo(&["package", "--no-verify", "--allow-dirty", "--quiet"]);
    for name in CRATES {
        command.args(["--package", name]);
    }
    run(command.arg("--target-dir").arg(target().join("published")))
}
