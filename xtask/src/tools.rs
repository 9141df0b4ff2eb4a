//! Programs from crates.io that the checks need, in `target/tools`.

use crate::run::{Done, cargo, run, target};
use std::path::PathBuf;

/// The program of a crate in this version; installed if it is not there yet, which takes minutes.
pub(crate) fn tool(name: &str, version: &str) -> Done<PathBuf> {
    let tools = target().join("tools");
    let program = tools.join("bin").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    if !program.exists() {
        eprintln!("xtask: installing {name} from crates.io into {}", tools.display());
        // Not optimised: they run for seconds, and optimising them takes minutes. Line tables would take gigabytes.
        let mut install = cargo(&["install", "--debug", "--locked", "--quiet", "--version", version, name, "--root"]);
        run(install.arg(&tools).env("CARGO_PROFILE_DEV_DEBUG", "0"))?;
    }
    Ok(program)
}
