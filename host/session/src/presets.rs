//! Presets: named JSON files. Each holds an engine's configuration, and the server's own fields under `"host"`.
//!
//! A few presets have no file (see `loading`).
//!
//! A file is read again when it changes. What it holds becomes the candidate of the preset; the catalog decides when it
//! takes over from the version in service. Threads: one at a time reads the directory, any thread reads the presets.

use super::{
    preset::{Preset, PresetError},
    versions::{Candidate, Stage, Versions},
};
use auricle_core::text_file;
use auricle_engines::{platform, stamp::FileStamp};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError, RwLock, RwLockReadGuard},
};
use tokio::sync::watch;

/// The presets of a directory.
#[derive(Debug)]
pub struct Presets {
    dir: PathBuf,
    entries: RwLock<BTreeMap<String, Entry>>,
    /// Held while the directory is read.
    reading: Mutex<()>,
    changes: watch::Sender<u64>,
}

#[derive(Debug)]
struct Entry {
    /// `None` if the file cannot be examined, or there is none.
    stamp: Option<FileStamp>,
    /// Whether there is a file.
    has_file: bool,
    versions: Versions,
}

impl Presets {
    /// Reads the presets of `dir`. If the directory does not exist, there are none.
    pub fn read(dir: &Path) -> Self {
        let presets = Self {
            dir: dir.to_owned(),
            entries: RwLock::default(),
            reading: Mutex::default(),
            changes: watch::Sender::new(0),
        };
        presets.refresh();
        presets
    }

    /// The names, sorted.
    pub fn names(&self) -> Vec<String> {
        self.entries().keys().cloned().collect()
    }

    /// Why the preset's file is broken, if it is.
    pub fn problem(&self, name: &str) -> Option<String> {
        match self.versions(name)?.candidate? {
            Candidate { preset: None, stage: Stage::Refused { reason, .. } } => Some(reason.explained()),
            _ => None,
        }
    }

    /// The versions of a preset. `None` if there is no file.
    pub(super) fn versions(&self, name: &str) -> Option<Versions> {
        self.entries().get(name).map(|entry| entry.versions.clone())
    }

    /// Changes the versions of a preset, if there still is a file.
    pub(super) fn update<T>(&self, name: &str, change: impl FnOnce(&mut Versions) -> T) -> Option<T> {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        entries.get_mut(name).map(|entry| change(&mut entry.versions))
    }

    /// Adds a preset that has no file, instead of one with the same name.
    pub fn add(&self, preset: Preset) {
        let (name, mut versions) = (preset.name.clone(), Versions::default());
        versions.read(&name, Ok(preset));
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        entries.insert(name, Entry { stamp: None, has_file: false, versions });
        drop(entries);
        self.changes.send_modify(|count| *count += 1);
    }

    /// Removes a preset that has no file. Streams on it go on.
    pub fn remove(&self, name: &str) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if entries.get(name).is_some_and(|entry| !entry.has_file) {
            entries.remove(name);
        }
        drop(entries);
        self.changes.send_modify(|count| *count += 1);
    }

    /// A counter of changes. Wait on it for the next change.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Reads changed files. Cheap, because other files are not read.
    pub fn refresh(&self) {
        self.read_dir(false);
    }

    /// Reads all files again, even unchanged ones.
    pub fn read_again(&self) {
        self.read_dir(true);
    }

    fn read_dir(&self, always: bool) {
        let _reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let files = match list_files(&self.dir) {
            Ok(files) => files,
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::error!(
                        dir = %self.dir.display(),
                        "cannot read the presets: {error}; those read before stay in service"
                    );
                    return;
                }
                BTreeMap::new()
            }
        };
        let is_known = |name: &String, stamp: &Option<FileStamp>| {
            self.entries().get(name).is_some_and(|entry| entry.has_file && entry.stamp == *stamp)
        };
        let mut read = Vec::new();
        for (name, (path, stamp)) in &files {
            if always || !is_known(name, stamp) {
                let text = text_file::read(path).map_err(PresetError::Read);
                read.push((name, stamp, text.and_then(|text| Preset::parse(name, &text))));
            }
        }
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        let before = entries.len();
        entries.retain(|name, entry| !entry.has_file || files.contains_key(name));
        let changed = entries.len() != before || !read.is_empty();
        for (name, stamp, parsed) in read {
            let new = || Entry { stamp: None, has_file: true, versions: Versions::default() };
            let entry = entries.entry(name.clone()).or_insert_with(new);
            (entry.stamp, entry.has_file) = (stamp.clone(), true);
            entry.versions.read(name, parsed);
        }
        drop(entries);
        if changed {
            self.changes.send_modify(|count| *count += 1);
        }
    }

    fn entries(&self) -> RwLockReadGuard<'_, BTreeMap<String, Entry>> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }
}

type Found = BTreeMap<String, (PathBuf, Option<FileStamp>)>;

fn list_files(dir: &Path) -> io::Result<Found> {
    let mut files = Found::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let Some(name) = path.file_stem().and_then(|name| name.to_str()) else { continue };
        if platform::is_hidden(&path) || path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let stamp = FileStamp::of(&path).ok();
        // Without a stamp it was removed in this moment, or it is a link to nothing, which is a broken preset.
        if stamp.is_some() || path.is_symlink() {
            files.insert(name.to_owned(), (path.clone(), stamp));
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::unavailable;
    use crate::versions::Stage;

    fn candidate(presets: &Presets) -> Option<String> {
        presets.versions("a")?.candidate?.preset.map(|preset| preset.backend.clone())
    }

    #[test]
    fn what_a_file_holds_is_the_candidate_until_it_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.json");
        fs::write(dir.path().join(".a.json"), "{}").unwrap();
        fs::write(dir.path().join("._a.json"), "{}").unwrap();
        fs::write(&file, r#"{"backend": "one"}"#).unwrap();
        let presets = Presets::read(dir.path());
        let changes = presets.changes();
        assert_eq!((presets.names(), candidate(&presets)), (vec!["a".to_owned()], Some("one".into())));
        presets.refresh();
        assert!(!changes.has_changed().unwrap());
        fs::write(&file, "{broken").unwrap();
        presets.refresh();
        assert!(changes.has_changed().unwrap());
        assert_eq!(candidate(&presets), None);
        fs::remove_file(&file).unwrap();
        presets.refresh();
        assert!(presets.versions("a").is_none());
    }

    #[test]
    fn a_preset_without_a_file_stays_until_it_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let presets = Presets::read(dir.path());
        let changes = presets.changes();
        presets.add(Preset::parse("a", r#"{"backend": "one"}"#).unwrap());
        presets.read_again();
        assert!(changes.has_changed().unwrap());
        assert_eq!(candidate(&presets), Some("one".into()));
        // A file of the same name is another version, and keeps it.
        fs::write(dir.path().join("a.json"), r#"{"backend": "two"}"#).unwrap();
        presets.refresh();
        presets.remove("a");
        assert_eq!(candidate(&presets), Some("two".into()));
        fs::remove_file(dir.path().join("a.json")).unwrap();
        presets.add(Preset::parse("b", r#"{"backend": "one"}"#).unwrap());
        presets.refresh();
        assert_eq!(presets.names(), ["b"]);
        presets.remove("b");
        assert!(presets.names().is_empty());
    }

    #[test]
    fn files_of_windows_are_read_and_utf16_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.json");
        fs::write(&file, "\u{feff}{\r\n  \"backend\": \"one\"\r}\r\n").unwrap();
        let presets = Presets::read(dir.path());
        assert_eq!(candidate(&presets), Some("one".into()));
        fs::write(&file, b"\xff\xfe{\0}\0").unwrap();
        presets.refresh();
        let stage = presets.versions("a").unwrap().candidate.unwrap().stage;
        let reason = "preset `a` cannot be read: the file is UTF-16: save it as UTF-8".to_owned();
        assert_eq!(stage, Stage::Refused { reason: unavailable(reason), tried: None });
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_nothing_is_a_broken_preset_and_read_once() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(dir.path().join("absent"), dir.path().join("a.json")).unwrap();
        let presets = Presets::read(dir.path());
        assert!(presets.versions("a").unwrap().candidate.unwrap().preset.is_none());
        let changes = presets.changes();
        presets.refresh();
        assert!(!changes.has_changed().unwrap());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_exchanged_for_one_of_the_same_length_and_time_is_read_anew() {
        use std::{fs::File, time::SystemTime};

        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.json");
        let presets = Presets::read(dir.path());
        for backend in ["one", "two"] {
            let new = dir.path().join("new");
            fs::write(&new, format!(r#"{{"backend": "{backend}"}}"#)).unwrap();
            File::options().write(true).open(&new).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
            fs::rename(&new, &file).unwrap();
            presets.refresh();
            assert_eq!(candidate(&presets), Some(backend.to_owned()));
        }
    }
}
