//! The option `--resources`, which several commands have.

use std::path::PathBuf;

/// Checks that the resource directories exist.
pub(super) fn check_resources(dirs: &[PathBuf]) -> Result<(), String> {
    match dirs.iter().find(|dir| !dir.is_dir()) {
        Some(dir) => Err(format!("resource directory {} (`--resources`): not a directory", dir.display())),
        None => Ok(()),
    }
}
