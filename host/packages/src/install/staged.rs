//! The files of a package before they are at their places: on the same file systems, under hidden names.

use super::error::{AddError, at};
use crate::{
    away::move_away,
    manifest::PackageFile,
    path::{ENGINE, PRESETS, RESOURCES},
    records::Record,
};
use std::{
    collections::BTreeSet,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// The unpacked files. They are deleted unless they were moved to their places.
pub(super) struct Staged {
    engine: TempDir,
    resources: Option<TempDir>,
    presets: Option<TempDir>,
    files: BTreeSet<String>,
}

impl Staged {
    pub(super) fn new(record: &Record, plugins: &Path) -> Result<Self, AddError> {
        let beside = |dir: &Path| tempfile::Builder::new().prefix(".incoming-").tempdir_in(dir).map_err(at(dir));
        Ok(Self {
            engine: beside(plugins)?,
            resources: record.resources.as_deref().map(beside).transpose()?,
            presets: record.presets.as_deref().map(beside).transpose()?,
            files: record.files.iter().map(|file| file.path.clone()).collect(),
        })
    }

    /// Where a file is unpacked. `None` if it is not installed.
    pub(super) fn place(&self, file: &PackageFile) -> Option<PathBuf> {
        let below = |folder: &str, dir: Option<&TempDir>| Some(dir?.path().join(folder).join(file.below(folder)?));
        let place = below(ENGINE, Some(&self.engine))
            .or_else(|| below(RESOURCES, self.resources.as_ref()))
            .or_else(|| below(PRESETS, self.presets.as_ref()));
        place.filter(|_| self.files.contains(&file.path))
    }

    /// Moves the files to their places: what the engine needs, then the engine, then what needs the engine.
    pub(super) fn move_into_place(&self, record: &Record, plugins: &Path) -> Result<(), AddError> {
        let move_below = |folder: &str| {
            for file in record.files.iter().filter(|file| file.below(folder).is_some()) {
                let (Some(from), Some(to)) = (self.place(file), record.place(plugins, file)) else { continue };
                if let Some(parent) = to.parent() {
                    fs::create_dir_all(parent).map_err(at(parent))?;
                }
                fs::rename(&from, &to).map_err(at(&to))?;
            }
            Ok(())
        };
        move_below(RESOURCES)?;
        let (from, to) = (self.engine.path().join(ENGINE), plugins.join(record.folder()));
        // The old version is then among the unpacked files, and is deleted with them.
        replace(&from, &to, &self.engine.path().join("old")).map_err(at(&to))?;
        move_below(PRESETS)
    }
}

/// Moves a folder to its place; what is there goes to `from`, or to `away`. Where the system can exchange two folders it does, so that a
/// server finds one of them at any time.
fn replace(from: &Path, to: &Path, away: &Path) -> io::Result<()> {
    if !to.exists() {
        return fs::rename(from, to);
    }
    #[cfg(target_os = "linux")]
    if rustix::fs::renameat_with(rustix::fs::CWD, from, rustix::fs::CWD, to, rustix::fs::RenameFlags::EXCHANGE).is_ok()
    {
        return Ok(());
    }
    // Not on every file system.
    move_away(to, away)?;
    fs::rename(from, to)
}

/// Writes a file and its folder.
pub(super) fn write(place: &Path, content: &mut dyn io::Read) -> io::Result<()> {
    if let Some(parent) = place.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut file = File::create_new(place)?;
    io::copy(content, &mut file)?;
    file.sync_all()
}
