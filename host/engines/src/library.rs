//! From a plugin's file or folder to its opened library.

use crate::platform;
use auricle_plugin_api::{
    Manifest,
    host::{HostServices, Library, LoadedEngine, NotLoadable, read_manifest},
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// Where a plugin's library and own files are: a file stands alone, a folder holds one library with a manifest.
pub(crate) struct Origin {
    pub(crate) manifest: Manifest,
    library: PathBuf,
    dir: PathBuf,
}

/// Finds the library of a plugin file or engine folder and reads its manifest, without running any of its code.
pub(crate) fn find_library(path: &Path) -> Result<Origin, NotLoadable> {
    if !path.is_dir() {
        let dir = path.parent().unwrap_or(Path::new(".")).to_owned();
        return Ok(Origin { manifest: read_manifest(path)?, library: path.to_owned(), dir });
    }
    let refused = |reason: String| NotLoadable::Refused(reason);
    let entries = std::fs::read_dir(path).map_err(|error| refused(format!("cannot be read: {error}")))?;
    let mut libraries: Vec<_> =
        entries.flatten().map(|entry| entry.path()).filter(|path| platform::is_library(path)).collect();
    libraries.sort();
    let mut found: Option<Origin> = None;
    for library in libraries {
        let name = library.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match read_manifest(&library) {
            Ok(manifest) => {
                if let Some(first) = &found {
                    let first = first.library.file_name().unwrap_or_default().to_string_lossy();
                    return Err(refused(format!("the engine folder holds two plugins, {first} and {name}")));
                }
                found = Some(Origin { manifest, library, dir: path.to_owned() });
            }
            // A library that the engine brings along.
            Err(NotLoadable::NotAPlugin) => {}
            Err(NotLoadable::Refused(reason)) => return Err(refused(format!("{name}: {reason}"))),
        }
    }
    found.ok_or_else(|| refused("the engine folder holds no plugin library".into()))
}

/// Opens the plugin in this process and makes its engines. Runs its code. `services` is given the directory of the
/// plugin's own files.
///
/// # Errors
/// One line on what is wrong with it.
pub fn open_library(
    path: &Path,
    services: impl FnOnce(PathBuf) -> Arc<dyn HostServices>,
) -> Result<Vec<LoadedEngine>, String> {
    let origin = find_library(path).map_err(|problem| match problem {
        NotLoadable::NotAPlugin => "is not a plugin".into(),
        NotLoadable::Refused(reason) => reason,
    })?;
    Ok(Library::open(&origin.library, services(origin.dir))?.into_engines())
}
