//! The directory of stored points: one file per stream, which another server process can find after this one has died.
//!
//! Invariants: a file is replaced as a whole. Bytes, number and age are bounded. What is not readable is reported and left alone;
//! no file of others is touched. Threads: one, `resume-store`, does all that reads and writes the directory, in order; the others
//! send it commands and never wait for the disk.

use super::{
    point_file::{PointFile, Tokens},
    settings::ResumeSettings,
    stored::StoredStream,
};
use auricle_core::times::wait;
use auricle_engines::platform;
use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};
use tokio::sync::{mpsc, oneshot};

/// The extension of the files.
const SUFFIX: &str = "point";
/// Points that wait to be written. When there are more, a stream tries again later.
const MOST_WAITING: usize = 64;
/// Time between two looks for old files, and between two complaints.
const EVERY: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) enum Command {
    Put(Box<PointFile>, Arc<StoredStream>),
    Retoken(String, Tokens, oneshot::Sender<()>),
    Find(String, oneshot::Sender<Option<PointFile>>),
    Remove(String),
}

/// The directory, for other threads.
#[derive(Debug)]
pub(in super::super) struct PointStore {
    commands: mpsc::Sender<Command>,
    /// Whether a stored point survives a crash of the machine, not only of this process.
    pub(super) is_synced: bool,
    /// Time between two points of a stream.
    pub(super) store_every: Duration,
    /// The server stops: its streams may be continued by the next one.
    keeps_all: AtomicBool,
}

impl PointStore {
    /// Opens the directory of the settings, and creates it if necessary. `None` if they name none.
    ///
    /// # Errors
    /// The directory cannot be read or written, or the thread cannot be started.
    pub(in super::super) fn open(settings: &ResumeSettings) -> io::Result<Option<Arc<Self>>> {
        let Some(dir) = &settings.dir else { return Ok(None) };
        let cannot =
            |error: io::Error| io::Error::new(error.kind(), format!("{} (`resume.dir`): {error}", dir.display()));
        let folder = Folder::open(dir, settings).map_err(cannot)?;
        let (commands, received) = mpsc::channel(MOST_WAITING);
        thread::Builder::new().name("resume-store".into()).spawn(move || folder.run(received))?;
        let store_every = wait(settings.store_seconds);
        Ok(Some(Arc::new(Self { commands, is_synced: settings.sync, store_every, keeps_all: AtomicBool::new(false) })))
    }

    /// Has a point written, and the stream told of it. Returns whether it will be.
    pub(super) fn put(&self, file: PointFile, stream: Arc<StoredStream>) -> bool {
        self.commands.try_send(Command::Put(Box::new(file), stream)).is_ok()
    }

    /// Replaces the tokens of a stored stream. Waits until they are written.
    pub(super) async fn retoken(&self, stream: &str, tokens: Tokens) {
        let (done, written) = oneshot::channel();
        // The thread ends with the process only.
        if self.commands.send(Command::Retoken(stream.to_owned(), tokens, done)).await.is_ok() {
            let _ = written.await;
        }
    }

    /// Reads the stored point of a stream.
    pub(super) async fn find(&self, stream: &str) -> Option<PointFile> {
        let (found, reply) = oneshot::channel();
        self.commands.send(Command::Find(stream.to_owned(), found)).await.ok()?;
        reply.await.ok().flatten()
    }

    /// Removes a stream that nobody can resume any more.
    pub(super) fn remove(&self, stream: &str) {
        if !self.keeps_all.load(Ordering::Relaxed) {
            // If too much waits, its age ends it.
            let _ = self.commands.try_send(Command::Remove(stream.to_owned()));
        }
    }

    /// From now on nothing is removed, because the server stops.
    pub(in super::super) fn keep_all(&self) {
        self.keeps_all.store(true, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct Entry {
    bytes: u64,
    written: SystemTime,
    /// Whether the stream is one of this process.
    is_own: bool,
}

/// The directory, for its thread.
#[derive(Debug)]
struct Folder {
    dir: PathBuf,
    sync: bool,
    most_bytes: u64,
    most_points: usize,
    keep: Duration,
    entries: HashMap<String, Entry>,
    looked: Instant,
    complained: Option<Instant>,
}

impl Folder {
    fn open(dir: &Path, settings: &ResumeSettings) -> io::Result<Self> {
        platform::make_private_dir(dir)?;
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
        };
        folder.scan()?;
        folder.remove_old();
        Ok(folder)
    }

    /// Finds the points that another process has left.
    fn scan(&mut self) -> io::Result<()> {
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            let problem = match read(&path) {
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

    fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        while let Some(command) = commands.blocking_recv() {
            if self.looked.elapsed() >= EVERY {
                self.looked = Instant::now();
                self.remove_old();
            }
            match command {
                Command::Put(file, stream) => {
                    let written = self.put(&file);
                    if let Err(problem) = &written {
                        self.complain(problem);
                    }
                    stream.written(&file.point, written.is_ok());
                }
                Command::Retoken(stream, tokens, done) => {
                    if self.entries.contains_key(&stream)
                        && let Err(problem) = self.retoken(&stream, tokens)
                    {
                        self.complain(&problem);
                    }
                    // Whoever waits may be gone.
                    let _ = done.send(());
                }
                Command::Find(stream, found) => {
                    let _ = found.send(self.find(&stream));
                }
                Command::Remove(stream) => self.remove(&stream),
            }
        }
    }

    fn path(&self, stream: &str) -> PathBuf {
        self.dir.join(format!("{stream}.{SUFFIX}"))
    }

    fn put(&mut self, file: &PointFile) -> io::Result<()> {
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

    fn retoken(&self, stream: &str, tokens: Tokens) -> io::Result<()> {
        let (file, ..) = read(&self.path(stream))?;
        self.write(stream, &PointFile { tokens, ..file }.encode())
    }

    /// Writes a file beside its place, with the user's rights only, and moves it there.
    fn write(&self, stream: &str, bytes: &[u8]) -> io::Result<()> {
        let mut beside = tempfile::NamedTempFile::new_in(&self.dir)?;
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

    fn find(&mut self, stream: &str) -> Option<PointFile> {
        self.entries.get(stream)?;
        match read(&self.path(stream)) {
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

    fn remove(&mut self, stream: &str) {
        if self.entries.remove(stream).is_some()
            && let Err(problem) = fs::remove_file(self.path(stream))
        {
            self.complain(&problem);
        }
    }

    /// Removes the points of streams whose process has died long ago. A clock that was set back makes nothing old.
    fn remove_old(&mut self) {
        let is_old = |entry: &Entry| !entry.is_own && entry.written.elapsed().is_ok_and(|age| age > self.keep);
        let old: Vec<_> = self.entries.iter().filter(|(_, entry)| is_old(entry)).map(|(id, _)| id.clone()).collect();
        old.iter().for_each(|stream| self.remove(stream));
    }

    /// Logs a problem, but not for every point.
    fn complain(&mut self, problem: &io::Error) {
        if self.complained.is_none_or(|at| at.elapsed() >= EVERY) {
            self.complained = Some(Instant::now());
            tracing::warn!("a point cannot be stored in `resume.dir` {}: {problem}", self.dir.display());
        }
    }
}

/// A file with its size and when it was written.
fn read(path: &Path) -> io::Result<(PointFile, u64, SystemTime)> {
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let file = PointFile::decode(&fs::read(path)?).map_err(io::Error::other)?;
    Ok((file, metadata.len(), metadata.modified()?))
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

        let mut after = folder(dir.path(), 10);
        assert_eq!(after.entries.keys().collect::<Vec<_>>(), ["one"]);
        let found = after.find("one").unwrap();
        assert_eq!((found.point.sample, found.tokens), (3_000, [Some([9; 32]), Some([3; 32])]));
        assert_eq!((after.find("two"), after.find("../one")), (None, None));
        assert!(damaged.exists() && dir.path().join("notes.txt").exists());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(after.path("one")).unwrap().permissions().mode() & 0o777, 0o600);
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
        let mut after = folder(dir.path(), 10);
        after.put(&file("own", 16_000, 2_000, b"")).unwrap();
        after.keep = Duration::ZERO;
        after.remove_old();
        assert_eq!(after.entries.keys().collect::<Vec<_>>(), ["own"]);
    }
}
