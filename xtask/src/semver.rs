//! The public interfaces of the crates for authors, against what was released: `cargo semver-checks` finds what would break
//! engines and tests that exist.

use crate::{
    run::{Done, root, run, target},
    tools::tool,
};
use std::{fs, path::PathBuf, process::Command};

/// The commit with which `plugin-kit` and `plugin-test` are compared. They were not released yet; a release names its own here.
const RELEASED: &str = "b89342ed";
/// The tool, and the version that reads what this compiler writes about a crate.
const TOOL: (&str, &str) = ("cargo-semver-checks", "0.51.0");

/// The folders of the crates, and what each is compared with: `plugin-api` with the version that the tests of the ABI keep.
const CRATES: [(&str, &str); 3] =
    [("plugin-api", KEPT_API), ("plugin-kit", "plugin-kit"), ("plugin-test", "plugin-test")];
const KEPT_API: &str = "tests/abi/1.0/plugin-api";

/// Compares the three crates, each with its released version.
pub(crate) fn check() -> Done {
    let mut has_commit = Command::new("git");
    has_commit.args(["cat-file", "-e", &format!("{RELEASED}^{{commit}}")]).current_dir(root());
    if !has_commit.status().is_ok_and(|status| status.success()) {
        eprintln!("xtask: interfaces are not compared: this clone lacks the released commit; git fetch --unshallow");
        return Ok(());
    }
    let checker = tool(TOOL.0, TOOL.1)?;
    let released = released()?;
    for (folder, baseline) in CRATES {
        let mut command = Command::new(&checker);
        command.args(["semver-checks", "--manifest-path"]).arg(root().join(folder).join("Cargo.toml"));
        // A version that was not raised is that of the release after the baseline.
        command.args(["--release-type", "minor", "--baseline-root"]).arg(released.join(baseline));
        run(command.env("CARGO_TARGET_DIR", target().join("semver")))?;
    }
    Ok(())
}

/// The repository as it was at the release. It is taken out of git once.
fn released() -> Done<PathBuf> {
    let folder = target().join("semver").join(RELEASED);
    if folder.exists() {
        return Ok(folder);
    }
    let io = |error: std::io::Error| format!("{}: {error}", folder.display());
    let (archive, unpacked) = (folder.with_extension("tar"), folder.with_extension("part"));
    fs::create_dir_all(&unpacked).map_err(io)?;
    run(Command::new("git").args(["archive", RELEASED, "--output"]).arg(&archive).current_dir(root()))?;
    run(Command::new("tar").arg("-xf").arg(&archive).arg("-C").arg(&unpacked))?;
    fs::remove_file(&archive).map_err(io)?;
    // It is in the folder of a workspace and no member.
    let manifest = unpacked.join(KEPT_API).join("Cargo.toml");
    let text = fs::read_to_string(&manifest).map_err(io)?;
    fs::write(&manifest, text + "\n[workspace]\n").map_err(io)?;
    fs::rename(&unpacked, &folder).map_err(io)?;
    Ok(folder)
}
