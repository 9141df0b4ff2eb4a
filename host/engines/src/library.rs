//! Finds and opens the library of a plugin file or engine folder. Threads: any.

use crate::platform;
use auricle_plugin_api::{
    Claims, Manifest,
    host::{HostServices, Library, NotLoadable, read_plugin},
};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Why a plugin's library was not found or cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// A valid shared library without a manifest: not a plugin.
    #[error("is not a plugin")]
    NotAPlugin,
    /// The plugin API refuses the file or its manifest.
    #[error("{0}")]
    Manifest(String),
    /// The engine folder cannot be read.
    #[error("cannot be read: {0}")]
    Folder(io::Error),
    /// The engine folder has more than one library with a manifest.
    #[error("the engine folder holds two plugins, {first} and {second}")]
    TwoPlugins {
        /// The file's name.
        first: String,
        /// The other file's.
        second: String,
    },
    /// The engine folder has no library with a manifest.
    #[error("the engine folder holds no plugin library")]
    NoPlugin,
    /// The plugin API refuses a library in the engine folder.
    #[error("{name}: {reason}")]
    InFolder {
        /// The file's name.
        name: String,
        /// The reason, in one line.
        reason: String,
    },
    /// The plugin API cannot open the library.
    #[error("{0}")]
    Open(String),
}

impl From<NotLoadable> for LibraryError {
    fn from(problem: NotLoadable) -> Self {
        match problem {
            NotLoadable::NotAPlugin => Self::NotAPlugin,
            NotLoadable::Refused(reason) => Self::Manifest(reason),
        }
    }
}

/// A plugin's library and the directory of its own files. A plugin is a single file, or a folder that holds one library
/// with a manifest.
pub(crate) struct Origin {
    pub(crate) manifest: Manifest,
    pub(crate) claims: Option<Claims>,
    library: PathBuf,
    dir: PathBuf,
}

/// Finds the library of a plugin file or engine folder and reads its manifest and claims. Runs none of its code.
pub(crate) fn find_library(path: &Path) -> Result<Origin, LibraryError> {
    if !path.is_dir() {
        let dir = path.parent().unwrap_or(Path::new(".")).to_owned();
        let (manifest, claims) = read_plugin(path)?;
        return Ok(Origin { manifest, claims, library: path.to_owned(), dir });
    }
    let mut libraries: Vec<_> = fs::read_dir(path)
        .map_err(LibraryError::Folder)?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| platform::is_library(path) && !platform::is_hidden(path))
        .collect();
    libraries.sort();
    let mut found: Option<Origin> = None;
    for library in libraries {
        let name = file_name(&library);
        match read_plugin(&library) {
            Ok((manifest, claims)) => {
                if let Some(first) = &found {
                    return Err(LibraryError::TwoPlugins { first: file_name(&first.library), second: name });
                }
                found = Some(Origin { manifest, claims, library, dir: path.to_owned() });
            }
            // A library that the engine depends on.
            Err(NotLoadable::NotAPlugin) => {}
            Err(NotLoadable::Refused(reason)) => return Err(LibraryError::InFolder { name, reason }),
        }
    }
    found.ok_or(LibraryError::NoPlugin)
}

/// A plugin's library, and the directory of its own files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LibraryFile {
    /// The library.
    pub library: PathBuf,
    /// The engine folder, or the directory of the library.
    pub dir: PathBuf,
}

/// Finds the library of a plugin file or engine folder. Of a file, nothing is read.
///
/// # Errors
/// The engine folder has no library with a manifest, or several.
pub fn locate_library(path: &Path) -> Result<LibraryFile, LibraryError> {
    if path.is_dir() {
        let Origin { library, dir, .. } = find_library(path)?;
        return Ok(LibraryFile { library, dir });
    }
    Ok(LibraryFile { library: path.to_owned(), dir: path.parent().unwrap_or(Path::new(".")).to_owned() })
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Opens the plugin in this process and creates its engines and stages, which runs its code. `services` gets the directory of the
/// plugin's own files.
///
/// # Errors
/// Why the plugin cannot be opened.
pub fn open_library(
    path: &Path,
    services: impl FnOnce(PathBuf) -> Arc<dyn HostServices>,
) -> Result<Library, LibraryError> {
    let origin = find_library(path)?;
    Library::open(&origin.library, services(origin.dir)).map_err(LibraryError::Open)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_libraries_in_a_folder_are_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let suffix = std::env::consts::DLL_SUFFIX;
        fs::write(folder.path().join(format!("._engine{suffix}")), b"\0\x05\x16\x07 of macOS").unwrap();
        assert!(matches!(find_library(folder.path()), Err(LibraryError::NoPlugin)));
        fs::write(folder.path().join(format!("engine{suffix}")), b"\0\x05\x16\x07 of macOS").unwrap();
        assert!(matches!(find_library(folder.path()), Err(LibraryError::InFolder { .. })));
    }
}
