//! Finds the candidates in plugin directories, and their fingerprints, which reveal changes. Threads: any.

use crate::{platform, stamp::FileStamp};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

/// The stamps of a candidate's files. If the fingerprint has changed, the candidate may have changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Fingerprint(Vec<(PathBuf, FileStamp)>);

impl Fingerprint {
    /// The fingerprint of a file, or of all files below a directory, down to `depth` levels.
    pub(super) fn of(path: &Path, depth: usize) -> io::Result<Self> {
        let mut files = Vec::new();
        collect(path, depth, &mut files)?;
        files.sort();
        Ok(Self(files))
    }

    /// A line for each file, to compare fingerprints over restarts.
    pub(super) fn text(&self) -> String {
        self.0.iter().map(|(path, stamp)| format!("{} {}\n", path.display(), stamp.text())).collect()
    }

    /// Adds the files of another fingerprint.
    pub(super) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}

fn collect(path: &Path, depth: usize, files: &mut Vec<(PathBuf, FileStamp)>) -> io::Result<()> {
    let metadata = fs::metadata(path)?;
    if metadata.is_dir() {
        if depth > 0 {
            for entry in fs::read_dir(path)? {
                collect(&entry?.path(), depth - 1, files)?;
            }
        }
    } else {
        files.push((path.to_owned(), FileStamp::from(&metadata)));
    }
    Ok(())
}

/// The candidates in `dir`, with their fingerprints: shared libraries and folders `NAME.engine`. Hidden names are
/// skipped; a candidate that disappears meanwhile is omitted.
pub(super) fn candidates(dir: &Path) -> io::Result<BTreeMap<PathBuf, Fingerprint>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if is_candidate(&path)
            && let Ok(fingerprint) = Fingerprint::of(&path, FOLDER_DEPTH)
        {
            found.insert(path, fingerprint);
        }
    }
    Ok(found)
}

/// The number of levels that are read in an engine folder.
pub(super) const FOLDER_DEPTH: usize = 8;

fn is_candidate(path: &Path) -> bool {
    !platform::is_hidden(path) && (is_engine_folder(path) || (platform::is_library(path) && path.is_file()))
}

/// Whether `path` is a folder `NAME.engine`.
pub(super) fn is_engine_folder(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "engine") && path.is_dir()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_libraries_and_engine_folders_are_candidates() {
        let dir = tempfile::tempdir().unwrap();
        let suffix = std::env::consts::DLL_SUFFIX;
        for name in ["readme.md", &format!(".hidden{suffix}"), &format!("b{suffix}.part"), &format!("a{suffix}")] {
            fs::write(dir.path().join(name), "x").unwrap();
        }
        fs::create_dir(dir.path().join("c.engine")).unwrap();
        fs::create_dir(dir.path().join(format!("folder{suffix}"))).unwrap();
        let names: Vec<_> = candidates(dir.path()).unwrap().into_keys().collect();
        assert_eq!(names, [dir.path().join(format!("a{suffix}")), dir.path().join("c.engine")]);
    }

    #[test]
    fn a_folder_changes_when_a_file_in_it_does() {
        let dir = tempfile::tempdir().unwrap();
        let model = dir.path().join("model.bin");
        fs::write(&model, "one").unwrap();
        let before = Fingerprint::of(dir.path(), 2).unwrap();
        assert_eq!(before, Fingerprint::of(dir.path(), 2).unwrap());
        fs::write(&model, "three").unwrap();
        assert_ne!(before, Fingerprint::of(dir.path(), 2).unwrap());
    }
}
