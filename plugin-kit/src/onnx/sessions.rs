//! The sessions of one model.
//!
//! Invariant: a session is used by one call at a time, so there are as many as calls ever ran at once, which the server
//! bounds by the model's `concurrency`. Each but the first costs the memory of the weights again. All are of the same file.
//! Threads: any, several at once.

use super::{Runtime, one_line};
use auricle_plugin_api::Error;
use ort::{
    logging::LogLevel,
    session::{Session, builder::GraphOptimizationLevel},
};
use std::{
    fs,
    ops::{Deref, DerefMut},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

/// How a session runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Threads for one call, at least 1. The calling thread is one of them; none spins while it waits.
    pub threads: usize,
}

/// The sessions of one model file.
pub struct Sessions {
    runtime: Runtime,
    file: PathBuf,
    stamp: Stamp,
    options: Options,
    idle: Mutex<Vec<Session>>,
}

/// What tells a file that was replaced: its length and when it was written.
type Stamp = (u64, SystemTime);

impl Sessions {
    /// Opens the first session, so that a file that cannot be used is refused here.
    ///
    /// # Errors
    /// What the runtime says of the file.
    pub fn open(runtime: &Runtime, file: &Path, options: Options) -> Result<Self, Error> {
        let stamp = stamp(file)?;
        let first = session(runtime, file, options)?;
        let (runtime, file) = (runtime.clone(), file.to_owned());
        Ok(Self { runtime, file, stamp, options, idle: Mutex::new(vec![first]) })
    }

    /// A session for this call; it comes back when dropped.
    ///
    /// # Errors
    /// Where a further session cannot be opened.
    pub fn lend(&self) -> Result<Lent<'_>, Error> {
        let idle = self.idle().pop();
        let session = match idle {
            Some(session) => session,
            None if stamp(&self.file)? == self.stamp => session(&self.runtime, &self.file, self.options)?,
            None => {
                let file = self.file.display();
                return Err(Error::model(format!("{file} was replaced while it is in use; restart the server")));
            }
        };
        Ok(Lent { session: Some(session), home: self })
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Session>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stamp(file: &Path) -> Result<Stamp, Error> {
    let facts = fs::metadata(file).and_then(|facts| Ok((facts.len(), facts.modified()?)));
    facts.map_err(|problem| Error::model(format!("{}: {problem}", file.display())))
}

fn session(runtime: &Runtime, file: &Path, options: Options) -> Result<Session, Error> {
    build(runtime, file, options).map_err(|problem| {
        Error::model(format!("{}: ONNX Runtime cannot use it: {}", file.display(), one_line(problem)))
    })
}

fn build(runtime: &Runtime, file: &Path, options: Options) -> ort::Result<Session> {
    Session::builder(runtime.environment())?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_intra_threads(options.threads)?
        .with_intra_op_spinning(false)?
        .with_inter_threads(1)?
        // More would be a line for each operator of each run, made and then thrown away: a fifth of a small network's time.
        .with_log_level(LogLevel::Warning)?
        .commit_from_file(file)
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
