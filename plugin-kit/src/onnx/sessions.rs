//! The sessions of a model.
//!
//! Invariant: a session is used by one call at a time. So the number of sessions is the largest number of concurrent
//! calls so far, which the server limits to the model's `concurrency`. Sessions share their weights (`weights`). All are
//! created from the same file, or from the same prepared form of it, which is prepared again for each. Threads: any,
//! several at once.

use super::{Runtime, one_line, weights::Weights};
use crate::files;
use auricle_plugin_api::{Config, Error, Field, Schema};
use ort::session::{
    Session,
    builder::{GraphOptimizationLevel, SessionBuilder},
};
use prost::bytes::Bytes;
use std::{
    fs,
    ops::{Deref, DerefMut},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    time::SystemTime,
};

const THREADS: &str = "threads";
const SPINNING: &str = "spinning";

/// Settings of a session; by default it uses only the calling thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Number of threads for a call, at least 1. The calling thread is one of them.
    pub threads: usize,
    /// Whether the threads spin while they wait for one another within a call. Between calls they never spin.
    ///
    /// If each thread has a processor to itself, a Whisper token takes a quarter less time with two threads and no more
    /// processor time, because waking a thread costs as much as one of its small products. If another stream or program
    /// needs the same processor, a thread spins while the one that it waits for cannot run, and a token takes two to
    /// three times longer. A server has other streams, so this is off by default.
    pub spinning: bool,
    /// Whether the sessions of a model share its weights. ONNX Runtime refuses some networks in 8 bits then: those whose
    /// convolutions it computes in 8 bits.
    pub shares_weights: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { threads: 1, spinning: false, shares_weights: true }
    }
}

impl Options {
    /// Adds the fields that [`Options::new`] reads.
    pub fn fields(schema: Schema) -> Schema {
        let Self { threads, spinning, .. } = Self::default();
        schema
            .field(
                Field::load(THREADS)
                    .integer(1, 256)
                    .default(threads)
                    .describe("processor threads per call; for more concurrent streams, `concurrency` is more efficient"),
            )
            .field(Field::load(SPINNING).boolean().default(spinning).describe(
                "with several threads, whether they spin while they wait for one another: faster if each has a processor to \
                 itself, several times slower if other streams or programs need it too",
            ))
    }

    /// Reads the fields.
    ///
    /// # Errors
    /// A field is invalid; the message names it.
    pub fn new(config: &Config) -> Result<Self, Error> {
        Ok(Self { threads: config.get(THREADS)?, spinning: config.get(SPINNING)?, ..Self::default() })
    }
}

/// The sessions of a model file.
pub struct Sessions {
    runtime: Runtime,
    file: PathBuf,
    stamp: Stamp,
    options: Options,
    prepare: Option<Prepare>,
    /// Read with the first session.
    weights: OnceLock<Weights>,
    idle: Mutex<Vec<Session>>,
}

/// Converts a file's bytes to those that the runtime gets.
type Prepare = Box<dyn Fn(Vec<u8>) -> Result<Vec<u8>, Error> + Send + Sync>;

/// Detects that a file was replaced: its length and modification time. It is less than the server compares, because
/// streams must not fail after a link to the file is created, or if a file system changes the inode number.
type Stamp = (u64, SystemTime);

impl Sessions {
    /// Opens the first session, so that an invalid file is refused here.
    ///
    /// # Errors
    /// The runtime's error.
    pub fn open(runtime: &Runtime, file: &Path, options: Options) -> Result<Self, Error> {
        Self::of(runtime, file, options, None)
    }

    /// The same for a prepared form of the file: `prepare` converts its bytes to those that the runtime gets, always
    /// with the same result.
    ///
    /// # Errors
    /// The error of `prepare` or the runtime.
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
        let sessions = Self { runtime, file, stamp, options, prepare, weights: OnceLock::new(), idle };
        let first = sessions.session()?;
        sessions.idle().push(first);
        Ok(sessions)
    }

    /// Borrows a session for a call; it is returned when dropped.
    ///
    /// # Errors
    /// A further session cannot be opened.
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
        let builder = builder(&self.runtime, self.options).map_err(refused)?;
        let read = || -> Result<Bytes, Error> {
            let bytes = fs::read(&self.file).map_err(|problem| Error::model(format!("{here}: {problem}")))?;
            Ok(Bytes::from(match &self.prepare {
                Some(prepare) => prepare(bytes)?,
                None => bytes,
            }))
        };
        // The file is opened by its name where that is possible, so that the runtime finds constants in a file beside it.
        let shares = self.options.shares_weights;
        let bytes = (self.prepare.is_some() || shares && self.weights.get().is_none()).then(read).transpose()?;
        let mut builder = builder;
        if shares {
            let weights = self.weights.get_or_init(|| Weights::read(bytes.clone().unwrap_or_default()));
            builder = weights.add_to(builder).map_err(refused)?;
        }
        let opened = match bytes.filter(|_| self.prepare.is_some()) {
            Some(bytes) => builder.commit_from_memory(&bytes),
            None => builder.commit_from_file(&self.file),
        };
        opened.map_err(refused)
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
        // Threads stop spinning at the end of a run.
        .with_config_entry("session.force_spinning_stop", "1")?
        .with_inter_threads(1)?)
}

/// A borrowed session.
pub struct Lent<'a> {
    /// `Some` until dropped.
    session: Option<Session>,
    home: &'a Sessions,
}

impl Deref for Lent<'_> {
    type Target = Session;

    fn deref(&self) -> &Session {
        let Some(session) = &self.session else { unreachable!("the session exists until it is returned") };
        session
    }
}

impl DerefMut for Lent<'_> {
    fn deref_mut(&mut self) -> &mut Session {
        let Some(session) = &mut self.session else { unreachable!("the session exists until it is returned") };
        session
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.home.idle().extend(self.session.take());
    }
}
