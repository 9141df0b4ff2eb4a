//! The model's folder, and the temporary folder in which its files are collected.
//!
//! Invariant: `DIR/NAME` exists only when it is complete. Files are collected in `DIR/.NAME.pulling`, which one process
//! at a time locks, and which is renamed in the end. An interrupted download of the same model, commit and precision is
//! resumed; the remains of any other are deleted.

use super::{
    names::{Names, SelectionError},
    selection::{self, Engine},
};
use auricle_packages::move_away;
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
};

/// File in the folder that records where the model is from.
const SOURCE: &str = "pulled.json";

/// The origin and precision of a downloaded model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Source {
    pub(super) repository: String,
    /// As given by the user.
    pub(super) revision: String,
    /// The commit of the revision at that time.
    pub(super) commit: String,
    pub(super) precision: String,
}

/// The origin of an existing model.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Pulled(Source),
    ByHand,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pulled(source) => write!(f, "{}, commit {}", source.repository, source.commit),
            Self::ByHand => f.write_str("put there by hand"),
        }
    }
}

/// The destination exists, but is not the requested model.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Occupied {
    #[error("not a readable folder")]
    Unreadable,
    #[error("{} at {} in {}", .0.repository, .0.revision, if .0.precision.is_empty() { "the plain export" } else { &.0.precision })]
    Other(Source),
    #[error("a folder that {0}")]
    NoModel(SelectionError),
}

/// The model cannot be written to its destination.
#[derive(Debug, thiserror::Error)]
pub(super) enum FolderError {
    #[error("{}: {error}", .folder.display())]
    Io { folder: PathBuf, error: io::Error },
    #[error("{}: another `auricle pull` is running there", .folder.display())]
    Busy { folder: PathBuf },
    /// The [`Source`] cannot be serialized.
    #[error("{0}")]
    Source(serde_json::Error),
}

/// The folder that a model is downloaded to.
pub(super) struct Destination {
    folder: PathBuf,
    gathering: PathBuf,
    displaced: PathBuf,
}

/// The temporary folder, locked by this process.
pub(super) struct Gathering<'a> {
    destination: &'a Destination,
    /// The open `pulled.json`, locked.
    held: File,
}

impl Destination {
    pub(super) fn new(dir: &Path, name: &str) -> Self {
        let beside = |end: &str| dir.join(format!(".{name}.{end}"));
        Self { folder: dir.join(name), gathering: beside("pulling"), displaced: beside("old") }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Checks what exists at the destination: nothing (`None`), the requested model and its engine, or something else.
    pub(super) fn holds(
        &self,
        repository: &str,
        revision: &str,
        precision: &str,
    ) -> Option<Result<(Origin, Engine), Occupied>> {
        fs::symlink_metadata(&self.folder).ok()?;
        let Ok(names) = names(&self.folder) else { return Some(Err(Occupied::Unreadable)) };
        let names = Names::new(names.iter().map(String::as_str)).and_then(|names| selection::choose(&names, precision));
        let source = fs::read(self.folder.join(SOURCE)).ok().and_then(|text| serde_json::from_slice(&text).ok());
        let is_wanted = |source: &Source| {
            (source.repository.as_str(), source.revision.as_str(), source.precision.as_str())
                == (repository, revision, precision)
        };
        Some(match (source, names) {
            (Some(source), _) if !is_wanted(&source) => Err(Occupied::Other(source)),
            (_, Err(problem)) => Err(Occupied::NoModel(problem)),
            (Some(source), Ok(selected)) => Ok((Origin::Pulled(source), selected.engine)),
            (None, Ok(selected)) => Ok((Origin::ByHand, selected.engine)),
        })
    }

    /// Locks the temporary folder. It keeps files that an earlier download of the same `source` left there.
    pub(super) fn gather(&self, source: &Source) -> Result<Gathering<'_>, FolderError> {
        let problem = |error| FolderError::Io { folder: self.gathering.clone(), error };
        fs::create_dir_all(&self.gathering).map_err(problem)?;
        let file = self.gathering.join(SOURCE);
        let mut options = OpenOptions::new();
        let mut held = options.read(true).write(true).create(true).truncate(false).open(&file).map_err(problem)?;
        match held.try_lock() {
            Ok(()) if file.exists() => {}
            Ok(()) | Err(TryLockError::WouldBlock) => {
                return Err(FolderError::Busy { folder: self.folder.clone() });
            }
            Err(TryLockError::Error(error)) => return Err(problem(error)),
        }
        let mut text = Vec::new();
        held.read_to_end(&mut text).map_err(problem)?;
        if serde_json::from_slice::<Source>(&text).ok().as_ref() != Some(source) {
            for entry in fs::read_dir(&self.gathering).map_err(problem)? {
                let entry = entry.map_err(problem)?;
                if entry.file_name() != SOURCE {
                    remove(&entry.path()).map_err(problem)?;
                }
            }
            let text = serde_json::to_string_pretty(source).map_err(FolderError::Source)?;
            held.set_len(0)
                .and_then(|()| held.rewind())
                .and_then(|()| writeln!(held, "{text}"))
                .and_then(|()| held.sync_all())
                .map_err(problem)?;
        }
        Ok(Gathering { destination: self, held })
    }
}

impl Gathering<'_> {
    pub(super) fn path(&self) -> &Path {
        &self.destination.gathering
    }

    /// Moves the complete model to its destination and replaces an existing one.
    pub(super) fn finish(self) -> Result<(), FolderError> {
        let Destination { folder, gathering, displaced } = self.destination;
        // Windows cannot rename a folder with an open file in it. Elsewhere the lock is held until the rename is done.
        let held = if cfg!(windows) { None } else { Some(self.held) };
        let moved = || {
            if fs::symlink_metadata(folder).is_ok() {
                remove(displaced)?;
                move_away(folder, displaced)?;
            }
            if let Err(error) = fs::rename(gathering, folder) {
                // Restore the previous folder. If that fails too, the first error is the one to report.
                let _ = fs::rename(displaced, folder);
                return Err(error);
            }
            remove(displaced)
        };
        let moved = moved().map_err(|error| FolderError::Io { folder: folder.clone(), error });
        drop(held);
        moved
    }
}

/// The files in a model's folder and in its subfolder `onnx`. A model has no others.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for (prefix, folder) in [("", folder.to_owned()), ("onnx/", folder.join("onnx"))] {
        if !prefix.is_empty() && !folder.is_dir() {
            continue;
        }
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if let (true, Ok(name)) = (entry.path().is_file(), entry.file_name().into_string()) {
                names.push(format!("{prefix}{name}"));
            }
        }
    }
    Ok(names)
}

/// Removes a file or a folder with its contents, if it exists.
fn remove(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(kind) if kind.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDED: [&str; 5] = [
        "config.json",
        "preprocessor_config.json",
        "tokenizer.json",
        "onnx/encoder_model_int8.onnx",
        "onnx/decoder_model_merged_int8.onnx",
    ];

    fn source(commit: &str) -> Source {
        let text = |text: &str| text.to_owned();
        Source { repository: text("me/x"), revision: text("main"), commit: text(commit), precision: text("int8") }
    }

    fn fill(folder: &Path) {
        fs::create_dir_all(folder.join("onnx")).unwrap();
        NEEDED.iter().for_each(|name| fs::write(folder.join(name), name).unwrap());
    }

    #[test]
    fn a_folder_is_whole_or_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let destination = Destination::new(&dir.path().join("models"), "x");
        assert_eq!(destination.holds("me/x", "main", "int8"), None);
        let gathering = destination.gather(&source("a")).unwrap();
        assert!(matches!(destination.gather(&source("a")), Err(FolderError::Busy { .. })));
        fill(gathering.path());
        assert_eq!(destination.holds("me/x", "main", "int8"), None);
        gathering.finish().unwrap();
        assert_eq!(destination.holds("me/x", "main", "int8"), Some(Ok((Origin::Pulled(source("a")), Engine::Whisper))));
        assert_eq!(Origin::Pulled(source("a")).to_string(), "me/x, commit a");
        for (repository, revision, precision) in
            [("me/y", "main", "int8"), ("me/x", "v2", "int8"), ("me/x", "main", "")]
        {
            let other = destination.holds(repository, revision, precision).unwrap().unwrap_err();
            assert_eq!(other, Occupied::Other(source("a")));
            assert_eq!(other.to_string(), "me/x at main in int8");
        }
        // Another model replaces it; no file of the old one remains.
        fs::write(destination.folder().join("old"), "").unwrap();
        let gathering = destination.gather(&source("b")).unwrap();
        fill(gathering.path());
        gathering.finish().unwrap();
        assert_eq!(destination.holds("me/x", "main", "int8"), Some(Ok((Origin::Pulled(source("b")), Engine::Whisper))));
        assert!(!destination.folder().join("old").exists());
        assert_eq!(fs::read_dir(dir.path().join("models")).unwrap().count(), 1);
    }

    #[test]
    fn what_was_begun_is_gone_on_with_if_it_is_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let destination = Destination::new(dir.path(), "x");
        let kept = destination.gathering.join("onnx/encoder_model_int8.onnx.part");
        for (commit, stays) in [("a", false), ("a", true), ("b", false)] {
            let gathering = destination.gather(&source(commit)).unwrap();
            assert_eq!(kept.exists(), stays, "{commit}");
            fs::create_dir_all(gathering.path().join("onnx")).unwrap();
            fs::write(&kept, "half").unwrap();
        }
    }

    #[test]
    fn what_lies_there_is_told_from_its_files() {
        let dir = tempfile::tempdir().unwrap();
        let destination = Destination::new(dir.path(), "x");
        let holds = |precision| destination.holds("me/x", "main", precision).unwrap();
        fs::write(destination.folder(), "a file").unwrap();
        assert_eq!(holds(""), Err(Occupied::Unreadable));
        fs::remove_file(destination.folder()).unwrap();
        fill(destination.folder());
        assert_eq!(holds("int8"), Ok((Origin::ByHand, Engine::Whisper)));
        assert!(holds("fp16").unwrap_err().to_string().contains("--precision may be int8"));
        fs::remove_file(destination.folder().join("tokenizer.json")).unwrap();
        assert!(holds("int8").unwrap_err().to_string().contains("a folder that has no tokenizer.json"));
    }
}
