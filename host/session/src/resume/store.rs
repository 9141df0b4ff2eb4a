//! The store of points, which another server process can find after this one has died.
//!
//! Invariant: commands are executed in their order. Threads: one, `resume-store`, does all that reads and writes the directory; the
//! others send it commands and never wait for the disk.

use super::{
    folder::Folder,
    point_file::{PointFile, Tokens},
    settings::ResumeSettings,
    stored::StoredStream,
};
use auricle_core::times::wait;
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};
use tokio::sync::{mpsc, oneshot};

/// Points that wait to be written. When there are more, a stream tries again later.
const MOST_WAITING: usize = 64;

#[derive(Debug)]
pub(super) enum Command {
    Put(Box<PointFile>, Arc<StoredStream>),
    Retoken(String, Tokens, oneshot::Sender<()>),
    Find(String, oneshot::Sender<Option<PointFile>>),
    Remove(String),
    /// All before it is done.
    Settle(oneshot::Sender<()>),
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
        thread::Builder::new().name("resume-store".into()).spawn(move || run(folder, received))?;
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
        if !self.keeps_all() {
            // If too much waits, its age ends it.
            let _ = self.commands.try_send(Command::Remove(stream.to_owned()));
        }
    }

    /// The server stops: from now on nothing is removed, and points are stored as soon as they can be.
    pub(in super::super) fn keep_all(&self) {
        self.keeps_all.store(true, Ordering::Relaxed);
    }

    /// Whether the server stops.
    pub(super) fn keeps_all(&self) -> bool {
        self.keeps_all.load(Ordering::Relaxed)
    }

    /// Waits until everything that was to be written is.
    pub(in super::super) async fn settle(&self) {
        let (done, settled) = oneshot::channel();
        if self.commands.send(Command::Settle(done)).await.is_ok() {
            let _ = settled.await;
        }
    }
}

/// Executes the commands.
fn run(mut folder: Folder, mut commands: mpsc::Receiver<Command>) {
    while let Some(command) = commands.blocking_recv() {
        folder.look();
        match command {
            Command::Put(file, stream) => {
                let written = folder.put(&file);
                if let Err(problem) = &written {
                    folder.complain(problem);
                }
                stream.written(&file.point, written.is_ok());
            }
            Command::Retoken(stream, tokens, done) => {
                if let Err(problem) = folder.retoken(&stream, tokens) {
                    folder.complain(&problem);
                }
                // Whoever waits may be gone.
                let _ = done.send(());
            }
            Command::Find(stream, found) => {
                let _ = found.send(folder.find(&stream));
            }
            Command::Remove(stream) => folder.remove(&stream),
            Command::Settle(done) => {
                let _ = done.send(());
            }
        }
    }
}
