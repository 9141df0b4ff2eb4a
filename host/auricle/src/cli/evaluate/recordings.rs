//! The recordings to evaluate, each with the text that is said in it: from files, folders and manifests.

use super::manifest;
use auricle_core::{text_file, wording::ParseError};
use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

/// A recording with its text.
#[derive(Debug, PartialEq)]
pub(super) struct Recording {
    /// The file's name, or its path in the manifest; unique among the recordings.
    pub(super) name: String,
    pub(super) path: PathBuf,
    /// What is said.
    pub(super) said: String,
}

/// The recordings cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum RecordingsError {
    #[error("{}: {error}", .path.display())]
    Read { path: PathBuf, error: io::Error },
    #[error("{}: there are no recordings with a text next to them, such as talk.wav with talk.txt", .0.display())]
    None(PathBuf),
    #[error("{}: the text file {} does not exist", .recording.display(), .text.display())]
    NoText { recording: PathBuf, text: PathBuf },
    #[error("{}, line {line}: {error}", .manifest.display())]
    Parse { manifest: PathBuf, line: usize, error: ParseError },
    #[error("{}, line {line}: {what}", .manifest.display())]
    Line { manifest: PathBuf, line: usize, what: &'static str },
    #[error("{}: the manifest lists no recordings", .0.display())]
    Empty(PathBuf),
    #[error("there are two recordings called `{0}`; the names must differ")]
    Twice(String),
}

/// The recordings in these files, folders and manifests, by name.
pub(super) fn find(paths: &[PathBuf]) -> Result<Vec<Recording>, RecordingsError> {
    let mut recordings = Vec::new();
    for path in paths {
        let error = |error| RecordingsError::Read { path: path.clone(), error };
        if fs::metadata(path).map_err(error)?.is_dir() {
            let found = in_folder(path).map_err(error)?;
            if found.is_empty() {
                return Err(RecordingsError::None(path.clone()));
            }
            for path in found {
                recordings.push(recording(path)?);
            }
        } else if manifest::is_manifest(path) {
            recordings.extend(manifest::read(path)?);
        } else {
            recordings.push(recording(path.clone())?);
        }
    }
    recordings.sort_by(|one, other| one.name.cmp(&other.name));
    match recordings.windows(2).find(|pair| pair[0].name == pair[1].name) {
        Some(pair) => Err(RecordingsError::Twice(pair[0].name.clone())),
        None => Ok(recordings),
    }
}

/// The files of a folder that have a text next to them.
fn in_folder(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension() != Some(OsStr::new("txt")) && path.is_file() && path.with_extension("txt").is_file() {
            found.push(path);
        }
    }
    Ok(found)
}

fn recording(path: PathBuf) -> Result<Recording, RecordingsError> {
    let text = path.with_extension("txt");
    let said = match text_file::read(&text) {
        Ok(said) => said,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(RecordingsError::NoText { recording: path, text });
        }
        Err(error) => return Err(RecordingsError::Read { path: text, error }),
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Recording { name, said, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_has_its_text_next_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for (name, text) in [("b.wav", ""), ("b.txt", "Two, words."), ("a.ogg", ""), ("a.txt", "one"), ("c.wav", "")] {
            fs::write(path(name), text).unwrap();
        }
        let found = find(&[folder.path().to_owned()]).unwrap();
        let found: Vec<_> = found.iter().map(|one| (one.name.as_str(), one.said.as_str())).collect();
        assert_eq!(found, [("a.ogg", "one"), ("b.wav", "Two, words.")]);
        let error = |paths: &[PathBuf]| find(paths).unwrap_err().to_string();
        assert!(error(&[path("c.wav")]).contains("c.txt does not exist"));
        assert!(error(&[path("a.ogg"), folder.path().to_owned()]).contains("two recordings called `a.ogg`"));
        fs::create_dir(path("empty")).unwrap();
        assert!(error(&[path("empty")]).contains("talk.wav with talk.txt"));
        fs::write(path("a.txt"), [0xff]).unwrap();
        assert!(error(&[path("a.ogg")]).contains("a.txt: the file is not UTF-8"));
    }
}
