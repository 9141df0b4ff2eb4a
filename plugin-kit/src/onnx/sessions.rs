//! The sessions of one model.
//!
//! Invariant: a session is used by one call at a time, so there are as many as calls ever ran at once, which the server
//! bounds by the model's `concurrency`. Each but the first costs the memory of the weights again. All are of the same file, or
//! of the same form of it, which is made of its bytes for each anew.
//! Threads: any, several at once.

use super::{Runtime, one_line};
use crate::files;
use auricle_plugin_api::{Config, Error, Field, Schema};
use ort::session::{
    Session,
    builder::{GraphOptimizationLevel, SessionBuilder},
};
use std::{
    fs,
    ops::{Deref, DerefMut},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

const THREADS: &str = "threads";
const SPINNING: &str = "spinning";

/// How a session runs: by default on the calling thread alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Threads for one call, at least 1. The calling thread is one of them.
    pub threads: usize,
    /// Whether they wait for each other awake, within a call only: between calls nobody spins.
    ///
    /// Where each thread has a processor for itself, a Whisper's token takes a quarter less time with two threads, and no more
    /// processor time: waking up costs as much as its small products. Where another stream or program wants the same
    /// processor, a thread spins while the one that it waits for cannot run, and a token takes two to three times longer. A
    /// server has other streams, so it is not the default.
    pub spinning: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { threads: 1, spinning: false }
    }
}

impl Options {
    /// Adds the fields that [`Options::new`] reads.
    pub fn fields(schema: Schema) -> Schema {
        let Self { threads, spinning } = Self::default();
        schema
            .field(
                Field::load(THREADS)
                    .integer(1, 256)
                    .default(threads)
                    .describe("processor threads for one call; more streams at once are better served by `concurrency`"),
            )
            .field(Field::load(SPINNING).boolean().default(spinning).describe(
                "with more threads than one, whether they wait for each other awake: faster where each has a processor for \
                 itself, several times slower where other streams or programs want it too",
            ))
    }

    /// Reads the fields.
    ///
    /// # Errors
    /// Names the field that cannot be used.
    pub fn new(config: &Config) -> Result<Self, Error> {
        Ok(Self { threads: config.get(THREADS)?, spinning: config.get(SPINNING)? })
    }
}

/// The sessions of one model file.
pub struct Sessions {
    runtime: Runtime,
    file: PathBuf,
    stamp: Stamp,
    options: Options,
    prepare: Option<Prepare>,
    idle: Mutex<Vec<Session>>,
}

/// Makes of a file's bytes those that the runtime is given.
type Prepare = Box<dyn Fn(Vec<u8>) -> Result<Vec<u8>, Error> + Send + Sync>;

/// What tells a file that was replaced: its length and when it was written. Not more, as the server looks at: a link made to
/// the file, or a file system that gives it another number, must not fail streams.
type Stamp = (u64, SystemTime);

impl Sessions {
    /// Opens the first session, so that a file that cannot be used is refused here.
    ///
    /// # Errors
    /// What the runtime says of the file.
    pub fn open(runtime: &Runtime, file: &Path, options: Options) -> Result<Self, Error> {
        Self::of(runtime, file, options, None)
    }

    /// The same for a form of the file: `prepare` makes of its bytes those that the runtime is given, the same each time.
    ///
    /// # Errors
    /// What `prepare` or the runtime says of the file.
    pub fn open_prepared(
        runtime: &Runtime,
        file: &Path,
        options: Options,
        prepare: impl Fn(Vec<u8>) -> Result<Vec<u8>, Error> + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        Self::of(runtime, file, options, Some(Box::new(prepare)))
    }

    fn of(runtime: &Runtime, file: &Path, options: Options, prepare: Option<Prepare>) -> Result<Self, Error> {
        let stamp = stamp(file)?;
        let (runtime, file, idle) = (runtime.clone(), file.to_owned(), Mutex::default());
        let sessions = Self { runtime, file, stamp, options, prepare, idle };
        let first = sessions.session()?;
        sessions.idle().push(first);
        Ok(sessions)
    }

    /// A session for this call; it comes back when dropped.
    ///
    /// # Errors
    /// Where a further session cannot be opened.
    pub fn lend(&self) -> Result<Lent<'_>, Error> {
        let idle = self.idle().pop();
        let session = match idle {
            Some(session) => session,
            None if stamp(&self.file)? == self.stamp => self.session()?,
            None => {
                let file = self.file.display();
                return Err(Error::model(format!("{file} was replaced while it is in use; restart the server")));
            }
        };
        Ok(Lent { session: Some(session), home: self })
    }

    fn session(&self) -> Result<Session, Error> {
        let here = self.file.display();
        let refused = |problem| Error::model(format!("{here}: ONNX Runtime cannot use it: {}", one_line(problem)));
        files::check(&self.file)?;
        let mut builder = builder(&self.runtime, self.options).map_err(refused)?;
        let Some(prepare) = &self.prepare else { return builder.commit_from_file(&self.file).map_err(refused) };
        let bytes = fs::read(&self.file).map_err(|problem| Error::model(format!("{here}: {problem}")))?;
        builder.commit_from_memory(&prepare(bytes)?).map_err(refused)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Session>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stamp(file: &Path) -> Result<Stamp, Error> {
    let facts = fs::metadata(file).and_then(|facts| Ok((facts.len(), facts.modified()?)));
    facts.map_err(|problem| Error::model(format!("{}: {problem}", file.display())))
}

fn builder(runtime: &Runtime, options: Options) -> ort::Result<SessionBuilder> {
    Ok(Session::builder(runtime.environment())?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_intra_threads(options.threads)?
        .with_intra_op_spinning(options.spinning)?
        // Threads go to sleep when a run is over.
        .with_config_entry("session.force_spinning_stop", "1")?
        .with_inter_threads(1)?)
}

/// A session, lent for a call.
pub struct Lent<'a> {
    /// Always there until dropped.
    session: Option<Session>,
    home: &'a Sessions,
}

impl Deref for Lent<'_> {
    type Target = Session;

    fn deref(&self) -> &Session {
        let Some(session) = &self.session else { unreachable!("a session is there until it goes back") };
        session
    }
}

impl DerefMut for Lent<'_> {
    fn deref_mut(&mut self) -> &mut Session {
        let Some(session) = &mut self.session else { unreachable!("a session is there until it goes back") };
        session
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.home.idle().extend(self.session.take());
    }
}
