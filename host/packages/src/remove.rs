//! Removes a package: its own files and no others.

use super::{
    away::move_away,
    manifest::PackageFile,
    path::ENGINE,
    records::{Record, RecordError, Records, lock},
};
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

/// Why a package is not removed. Each message is one line.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// There is no such package.
    #[error("no package `{0}` is installed here: `auricle plugin list` shows all")]
    Absent(String),
    /// A file was changed since it was installed.
    #[error("{} was changed since it was installed: --force deletes it too", .0.display())]
    Changed(PathBuf),
    /// A file cannot be deleted.
    #[error("{}: {error}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The record cannot be read or deleted.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Removes a package. Files that were changed are deleted only with `force`. Returns its record.
///
/// # Errors
/// It is not installed, a file was changed, or a file cannot be deleted. Then the command can be run again.
pub fn remove(plugins: &Path, name: &str, force: bool) -> Result<Record, RemoveError> {
    let failed = |(path, error)| RemoveError::File { path, error };
    let _lock = lock(plugins).map_err(|error| failed((plugins.to_owned(), error)))?;
    let records = Records::of(plugins);
    let record = records.get(name)?.ok_or_else(|| RemoveError::Absent(name.to_owned()))?;
    let changes = record.versions().into_iter().flat_map(|version| version.changes(plugins));
    let changed = changes.into_iter().find(|change| change.what != "missing");
    // Of two versions, files of one are at the places of the other.
    if let Some(change) = changed.filter(|_| !force && record.complete) {
        return Err(RemoveError::Changed(change.file));
    }
    for version in record.versions() {
        // The engine first: a server must not see it without its resources.
        let (engine, others): (Vec<_>, Vec<_>) =
            version.places(plugins).into_iter().partition(|(_, file)| file.below(ENGINE).is_some());
        delete_files(&engine, &plugins.join(version.folder()), plugins).map_err(failed)?;
        for dir in [&version.presets, &version.resources].into_iter().flatten() {
            let below: Vec<_> = others.iter().filter(|(place, _)| place.starts_with(dir)).cloned().collect();
            delete_files(&below, dir, dir).map_err(failed)?;
        }
    }
    records.delete(name)?;
    Ok(record)
}

/// Deletes files, and then the folders below `keep` that are empty. If the files are all that `folder` holds, it is moved away first, so
/// that a server never sees a part of it.
pub(crate) fn delete_files(
    files: &[(PathBuf, &PackageFile)],
    folder: &Path,
    keep: &Path,
) -> Result<(), (PathBuf, io::Error)> {
    let ours: BTreeSet<&Path> = files.iter().map(|(place, _)| place.as_path()).collect();
    if folder != keep && folder.is_dir() && holds_only(folder, &ours) {
        let away = tempfile::Builder::new().prefix(".removed-").tempdir_in(keep);
        let away = away.map_err(|error| (keep.to_owned(), error))?;
        // Deleted with the temporary folder.
        return move_away(folder, &away.path().join("folder")).map_err(|error| (folder.to_owned(), error));
    }
    let mut folders = BTreeSet::new();
    for place in ours {
        match fs::remove_file(place) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err((place.to_owned(), error)),
            _ => {
                folders.extend(place.ancestors().skip(1).take_while(|above| above.starts_with(keep) && *above != keep))
            }
        }
    }
    // The deepest first. One that still holds something stays.
    for folder in folders.into_iter().rev() {
        let _ = fs::remove_dir(folder);
    }
    Ok(())
}

/// Whether a folder holds only these files.
fn holds_only(folder: &Path, files: &BTreeSet<&Path>) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    entries.into_iter().all(|entry| {
        let Ok(entry) = entry else { return false };
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => holds_only(&path, files),
            Ok(_) => files.contains(path.as_path()),
            Err(_) => false,
        }
    })
}
