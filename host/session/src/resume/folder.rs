//! The directory of stored points, for the thread that reads and writes it: one file per stream.
//!
//! Invariants: one process at a time has the directory. A file is replaced as a whole. Bytes, number and age are bounded, and of what is not a point only the first bytes are
//! read. What is not readable is reported and left alone; no file of others is touched.

use super::{
    point_file::{MAGIC, PointFile, Tokens, Unreadable},
    settings::ResumeSettings,
};
use auricle_core::times::wait;
use auricle_engines::platform;
use std::{
    collections::HashMap,
    ffi::OsStr,
    fs::{self, File, TryLockError},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

/// The extension of the files.
const SUFFIX: &str = "point";
/// How the names of files begin that are not complete. A process that was killed leaves them.
const PART: &str = ".part-";
/// The file that a server holds locked as long as it runs.
const LOCK: &str = ".lock";
/// Time between two looks for old files, and between two complaints.
const EVERY: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Entry {
    bytes: u64,
    written: SystemTime,
    /// Whether the stream is one of this process.
    is_own: bool,
}

/// The directory.
#[derive(Debug)]
pub(super) struct Folder {
    dir: PathBuf,
    sync: bool,
    most_bytes: u64,
    most_points: usize,
    keep: Duration,
    entries: HashMap<String, Entry>,
    looked: Instant,
    complained: Option<Instant>,
    _lock: File,
}

impl Folder {
    pub(super) fn open(dir: &Path, settings: &ResumeSettings) -> io::Result<Self> {
        platform::make_private_dir(dir)?;
        let lock = File::options().write(true).create(true).truncate(false).open(dir.join(LOCK))?;
        lock.try_lock().map_err(|problem| match problem {
            TryLockError::WouldBlock => {
                let message = "another server uses it; each server needs a directory of its own";
                io::Error::new(io::ErrorKind::ResourceBusy, message)
            }
            TryLockError::Error(problem) => problem,
        })?;
        tempfile::tempfile_in(dir)?;
        let mut folder = Self {
            dir: dir.to_owned(),
            sync: settings.sync,
            most_bytes: settings.max_megabytes.saturating_mul(1 << 20),
            most_points: settings.max_points,
            keep: wait(settings.keep_seconds),
            entries: HashMap::new(),
            looked: Instant::now(),
            complained: None,
            _lock: lock,
        };
        folder.scan()?;
        folder.remove_old();
        Ok(folder)
    }

    /// Finds the points that another process has left.
    fn scan(&mut self) -> io::Result<()> {
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            if path == self.dir.join(LOCK) {
                continue;
            }
            if path.file_name().and_then(OsStr::to_str).is_some_and(|name| name.starts_with(PART)) {
                self.remove_old_part(&path);
                continue;
            }
            let problem = match self.read(&path) {
                Ok((file, bytes, written)) if path == self.path(&file.identity.stream) => {
                    self.entries.insert(file.identity.stream, Entry { bytes, written, is_own: false });
                    continue;
                }
                Ok(_) => "its name is not that of its stream".to_owned(),
                Err(problem) => problem.to_string(),
            };
            tracing::warn!(file = %path.display(), "a file in `resume.dir` is skipped: {problem}");
        }
        tracing::info!(streams = self.entries.len(), "streams can be resumed from `resume.dir`");
        Ok(())
    }

    /// Removes an incomplete file, unless another process may just be writing it.
    fn remove_old_part(&mut self, path: &Path) {
        let written = fs::symlink_metadata(path).and_then(|metadata| metadata.modified());
        if written.is_ok_and(|written| self.is_old(written))
            && let Err(problem) = fs::remove_file(path)
        {
            self.complain(&problem);
        }
    }

    /// A clock that was set back makes nothing old.
    fn is_old(&self, written: SystemTime) -> bool {
        written.elapsed().is_ok_and(|age| age > self.keep)
    }

    fn path(&self, stream: &str) -> PathBuf {
        self.dir.join(format!("{stream}.{SUFFIX}"))
    }

    /// Writes a point of a stream of this process.
    pub(super) fn put(&mut self, file: &PointFile) -> io::Result<()> {
        let (stream, bytes) = (&file.identity.stream, file.encode());
        let size = bytes.len() as u64;
        while !self.has_room(stream, size) {
            // Those whose process has died are the first to go.
            let others = self.entries.iter().filter(|(id, entry)| !entry.is_own && *id != stream);
            let Some(oldest) = others.min_by_key(|(_, entry)| entry.written).map(|(id, _)| id.clone()) else {
                let message = format!(
                    "it is full ({} points, {} MB): raise `resume.max_megabytes` or `resume.max_points`",
                    self.entries.len(),
                    self.bytes() >> 20
                );
                return Err(io::Error::new(io::ErrorKind::StorageFull, message));
            };
            self.remove(&oldest);
        }
        self.write(stream, &bytes)?;
        self.entries.insert(stream.clone(), Entry { bytes: size, written: SystemTime::now(), is_own: true });
        Ok(())
    }

    /// Replaces the tokens of a stream, if it is stored.
    pub(super) fn retoken(&self, stream: &str, tokens: Tokens) -> io::Result<()> {
        if !self.entries.contains_key(stream) {
            return Ok(());
        }
        let (file, ..) = self.read(&self.path(stream))?;
        self.write(stream, &PointFile { tokens, ..file }.encode())
    }

    /// Writes a file beside its place, with the user's rights only, and moves it there.
    fn write(&self, stream: &str, bytes: &[u8]) -> io::Result<()> {
        let mut beside = tempfile::Builder::new().prefix(PART).tempfile_in(&self.dir)?;
        beside.write_all(bytes)?;
        if self.sync {
            beside.as_file().sync_data()?;
        }
        beside.persist(self.path(stream)).map_err(|error| error.error)?;
        if self.sync {
            File::open(&self.dir)?.sync_all()?;
        }
        Ok(())
    }

    /// A file with its size and when it was written.
    fn read(&self, path: &Path) -> io::Result<(PointFile, u64, SystemTime)> {
        let metadata = fs::symlink_metadata(path)?;
        if !metadata.is_file() {
            return Err(io::Error::other("it is not a file"));
        }
        let mut file = File::open(path)?;
        let mut bytes = Vec::new();
        (&mut file).take(MAGIC.len() as u64).read_to_end(&mut bytes)?;
        if bytes != MAGIC {
            return Err(io::Error::other(Unreadable::Foreign));
        }
        // It may grow meanwhile.
        file.take(self.most_bytes).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > self.most_bytes {
            return Err(io::Error::other("it is larger than `resume.max_megabytes`"));
        }
        let file = PointFile::decode(&bytes).map_err(io::Error::other)?;
        Ok((file, bytes.len() as u64, metadata.modified()?))
    }

    /// Reads the point of a stream.
    pub(super) fn find(&mut self, stream: &str) -> Option<PointFile> {
        self.entries.get(stream)?;
        match self.read(&self.path(stream)) {
            Ok((file, ..)) => Some(file),
            Err(problem) => {
                tracing::warn!(stream, "its stored point cannot be read: {problem}");
                None
            }
        }
    }

    fn bytes(&self) -> u64 {
        self.entries.values().map(|entry| entry.bytes).sum()
    }

    fn has_room(&self, stream: &str, size: u64) -> bool {
        let (before, more) = self.entries.get(stream).map_or((0, 1), |entry| (entry.bytes, 0));
        self.bytes() - before + size <= self.most_bytes && self.entries.len() + more <= self.most_points
    }

    /// Removes the point of a stream, if there is one.
    pub(super) fn remove(&mut self, stream: &str) {
        if self.entries.remove(stream).is_some()
            && let Err(problem) = fs::remove_file(self.path(stream))
        {
            self.complain(&problem);
        }
    }

    /// Call it now and then: removes what is old.
    pub(super) fn look(&mut self) {
        if self.looked.elapsed() >= EVERY {
            self.looked = Instant::now();
            self.remove_old();
        }
    }

    /// Removes the points of streams whose process has died long ago.
    fn remove_old(&mut self) {
        let is_old = |entry: &Entry| !entry.is_own && self.is_old(entry.written);
        let old: Vec<_> = self.entries.iter().filter(|(_, entry)| is_old(entry)).map(|(id, _)| id.clone()).collect();
        old.iter().for_each(|stream| self.remove(stream));
    }

    /// Logs a problem, but not for every point.
    pub(super) fn complain(&mut self, problem: &io::Error) {
        if self.complained.is_none_or(|at| at.elapsed() >= EVERY) {
            self.complained = Some(Instant::now());
            tracing::warn!("a point cannot be stored in `resume.dir` {}: {problem}", self.dir.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::point_file::tests::file, *};

    fn folder(dir: &Path, max_points: usize) -> Folder {
        Folder::open(dir, &ResumeSettings { max_points, ..ResumeSettings::default() }).unwrap()
    }

    #[test]
    fn points_are_found_again_and_what_is_not_readable_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let mut before = folder(dir.path(), 10);
        for stream in ["one", "two", "three"] {
            before.put(&file(stream, 16_000, 2_000, b"state")).unwrap();
        }
        before.put(&file("one", 16_000, 3_000, b"later")).unwrap();
        before.retoken("one", [Some([9; 32]), Some([3; 32])]).unwrap();
        before.remove("three");
        let damaged = before.path("two");
        fs::write(&damaged, &fs::read(&damaged).unwrap()[..100]).unwrap();
        fs::write(dir.path().join("notes.txt"), "of somebody else").unwrap();
        let part = dir.path().join(".part-1");
        fs::write(&part, "of a process that may still write it").unwrap();

        drop(before);
        let mut after = folder(dir.path(), 10);
        assert_eq!(after.entries.keys().collect::<Vec<_>>(), ["one"]);
        let found = after.find("one").unwrap();
        assert_eq!((found.point.sample, found.tokens), (3_000, [Some([9; 32]), Some([3; 32])]));
        assert_eq!((after.find("two"), after.find("../one")), (None, None));
        assert!(damaged.exists() && part.exists() && dir.path().join("notes.txt").exists());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(after.path("one")).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn of_what_is_not_a_point_little_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let mut folder = folder(dir.path(), 10);
        folder.put(&file("point", 16_000, 2_000, &[0; 2_000])).unwrap();
        let problem = |folder: &Folder, name: &str| folder.read(&dir.path().join(name)).unwrap_err().to_string();
        // Sparse: 64 GiB that nobody can read in a test.
        File::create(dir.path().join("image")).unwrap().set_len(1 << 36).unwrap();
        assert!(problem(&folder, "image").contains("not a stored point"));
        let mut endless = File::create(dir.path().join("endless.point")).unwrap();
        endless.write_all(MAGIC).unwrap();
        endless.set_len(1 << 36).unwrap();
        folder.most_bytes = 1_000;
        for name in ["endless.point", "point.point"] {
            assert!(problem(&folder, name).contains("larger than `resume.max_megabytes`"));
        }
    }

    #[test]
    fn a_full_store_gives_the_places_of_the_dead_to_the_living() {
        let dir = tempfile::tempdir().unwrap();
        folder(dir.path(), 10).put(&file("dead", 16_000, 2_000, b"")).unwrap();
        let mut folder = folder(dir.path(), 2);
        folder.put(&file("one", 16_000, 2_000, b"")).unwrap();
        folder.put(&file("two", 16_000, 2_000, b"")).unwrap();
        assert!(!folder.path("dead").exists());
        let problem = folder.put(&file("three", 16_000, 2_000, b"")).unwrap_err().to_string();
        assert!(problem.contains("full (2 points") && problem.contains("resume.max_points"), "{problem}");
        folder.put(&file("two", 16_000, 2_500, b"")).unwrap();
        folder.most_bytes = 1_000;
        assert!(folder.put(&file("two", 16_000, 2_600, &[0; 1_000])).is_err());
        assert_eq!(folder.find("two").unwrap().point.sample, 2_500);
    }

    #[test]
    fn what_nobody_came_for_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        folder(dir.path(), 10).put(&file("dead", 16_000, 2_000, b"")).unwrap();
        fs::write(dir.path().join(".part-1"), "of a process that was killed").unwrap();
        let mut after = folder(dir.path(), 10);
        after.put(&file("own", 16_000, 2_000, b"")).unwrap();
        after.keep = Duration::ZERO;
        after.remove_old();
        after.scan().unwrap();
        assert_eq!(after.entries.keys().collect::<Vec<_>>(), ["own"]);
        assert!(!dir.path().join(".part-1").exists());
    }

    #[test]
    fn two_servers_cannot_share_a_directory() {
        let dir = tempfile::tempdir().unwrap();
        let first = folder(dir.path(), 10);
        let problem = Folder::open(dir.path(), &ResumeSettings::default()).unwrap_err().to_string();
        assert!(problem.contains("another server uses it"), "{problem}");
        drop(first);
        folder(dir.path(), 10);
    }
}
