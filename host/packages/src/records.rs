//! What is installed in a plugin directory: a record for each package, in the hidden folder `.packages`, with all of its files.
//!
//! A record is written before the first file is moved to its place, so every file of a package is recorded, whatever happens.

use super::{
    envelope::{beside, keep},
    key::PublicKey,
    manifest::{Manifest, PackageFile},
    path::{ENGINE, PRESETS, RESOURCES},
};
use auricle_engines::plugins::digest;
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// The folder of the records in a plugin directory. The server skips hidden names.
const FOLDER: &str = ".packages";

/// Why records cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A record cannot be read or written.
    #[error("{}: {error}", .path.display())]
    File {
        /// The record, or its folder.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// A record is not valid.
    #[error("{}: {error}", .path.display())]
    Invalid {
        /// The record.
        path: PathBuf,
        /// What is wrong with it.
        error: serde_json::Error,
    },
}

/// An installed package.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its manifest.
    pub manifest: Manifest,
    /// The key of its signature.
    pub key: PublicKey,
    /// Whether all files are at their places. Otherwise it was interrupted.
    pub complete: bool,
    /// The files that were installed; presets that existed already are not among them.
    pub files: Vec<PackageFile>,
    /// The resource directory, if there are resources.
    pub resources: Option<PathBuf>,
    /// The directory of presets, if there are some.
    pub presets: Option<PathBuf>,
    /// The version that it replaces, until that is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<Box<Record>>,
}

/// A file that is not as it was installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The file.
    pub file: PathBuf,
    /// What has happened to it: `changed`, `missing`, or the system's error.
    pub what: String,
}

impl Record {
    /// The name of the engine folder, the same for all versions: a server keeps the old one in service until it has opened the new one.
    pub fn folder(&self) -> String {
        format!("{}.engine", self.manifest.name)
    }

    /// Where a file of the package is installed. `None` if its directory is unknown.
    pub(crate) fn place(&self, plugins: &Path, file: &PackageFile) -> Option<PathBuf> {
        let below = |folder: &str, dir: Option<&Path>| Some(dir?.join(file.below(folder)?));
        below(ENGINE, Some(&plugins.join(self.folder())))
            .or_else(|| below(RESOURCES, self.resources.as_deref()))
            .or_else(|| below(PRESETS, self.presets.as_deref()))
    }

    /// The installed files with their places.
    pub(crate) fn places(&self, plugins: &Path) -> Vec<(PathBuf, &PackageFile)> {
        self.files.iter().filter_map(|file| Some((self.place(plugins, file)?, file))).collect()
    }

    /// Itself, and the versions before it that are not deleted yet.
    pub(crate) fn versions(&self) -> Vec<&Self> {
        std::iter::successors(Some(self), |record| record.replaces.as_deref()).collect()
    }

    /// The files that are not as they were installed.
    pub fn changes(&self, plugins: &Path) -> Vec<Change> {
        let change = |(place, file): (PathBuf, &PackageFile)| {
            let what = match is_as_recorded(&place, file) {
                Ok(true) => return None,
                Ok(false) => "changed".to_owned(),
                Err(error) if error.kind() == io::ErrorKind::NotFound => "missing".to_owned(),
                Err(error) => error.to_string(),
            };
            Some(Change { file: place, what })
        };
        self.places(plugins).into_iter().filter_map(change).collect()
    }
}

/// Waits until no other command changes a plugin directory, where the system can lock directories.
pub(crate) fn lock(plugins: &Path) -> io::Result<Option<File>> {
    fs::read_dir(plugins)?;
    let lock = File::open(plugins).ok();
    Ok(lock.filter(|lock| lock.lock().is_ok()))
}

/// Whether the file has the recorded content.
pub(crate) fn is_as_recorded(place: &Path, file: &PackageFile) -> io::Result<bool> {
    let found = fs::symlink_metadata(place)?;
    Ok(found.is_file() && found.len() == file.size && digest(place)? == file.sha256)
}

/// The records of a plugin directory.
#[derive(Debug)]
pub struct Records {
    folder: PathBuf,
}

impl Records {
    /// The records of a plugin directory, which may have none.
    pub fn of(plugins: &Path) -> Self {
        Self { folder: plugins.join(FOLDER) }
    }

    /// The file of the trusted publishers.
    pub fn publishers(&self) -> PathBuf {
        self.folder.join("publishers.toml")
    }

    /// All records, sorted by name.
    ///
    /// # Errors
    /// A record cannot be read.
    pub fn all(&self) -> Result<Vec<Record>, RecordError> {
        let mut paths = Vec::new();
        match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(self.at(&self.folder)(error)),
            Ok(entries) => {
                for entry in entries {
                    paths.push(entry.map_err(self.at(&self.folder))?.path());
                }
            }
        }
        let is_record = |path: &PathBuf| {
            path.extension().is_some_and(|extension| extension == "json") && !auricle_engines::platform::is_hidden(path)
        };
        paths.retain(is_record);
        paths.sort();
        paths.iter().filter_map(|path| self.read(path).transpose()).collect()
    }

    /// The record of a package, if it is installed.
    ///
    /// # Errors
    /// The record cannot be read.
    pub fn get(&self, name: &str) -> Result<Option<Record>, RecordError> {
        if super::path::is_name(name) { self.read(&self.path(name)) } else { Ok(None) }
    }

    /// Creates the folder of the records.
    pub(crate) fn make_folder(&self) -> Result<(), RecordError> {
        fs::create_dir_all(&self.folder).map_err(self.at(&self.folder))
    }

    pub(crate) fn write(&self, record: &Record) -> Result<(), RecordError> {
        let path = self.path(&record.manifest.name);
        let at = self.at(&path);
        let text =
            serde_json::to_vec_pretty(record).map_err(|error| RecordError::Invalid { path: path.clone(), error })?;
        let mut file = beside(&path).map_err(&at)?;
        file.write_all(&text).map_err(&at)?;
        keep(file, &path).map_err(at)
    }

    pub(crate) fn delete(&self, name: &str) -> Result<(), RecordError> {
        let path = self.path(name);
        fs::remove_file(&path).map_err(self.at(&path))
    }

    fn read(&self, path: &Path) -> Result<Option<Record>, RecordError> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.at(path)(error)),
        };
        let record = serde_json::from_slice(&text);
        record.map(Some).map_err(|error| RecordError::Invalid { path: path.to_owned(), error })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.json"))
    }

    fn at(&self, path: &Path) -> impl Fn(io::Error) -> RecordError + use<> {
        let path = path.to_owned();
        move |error| RecordError::File { path: path.clone(), error }
    }
}
