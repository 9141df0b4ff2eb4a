//! What a stream needs of a model and its processors, wherever they run: in this process or in another.
//!
//! Threads: a model is called from any, a processor by one at a time.

use auricle_plugin_api::{Error, Metadata, host::EventSink};
use serde_json::{Map, Value};
use std::{any::Any, fmt};

/// A loaded model.
pub trait Model: Send + Sync {
    /// What the model says of itself.
    fn metadata(&self) -> &Metadata;

    /// A fresh processor for a stream, with the whole configuration.
    ///
    /// # Errors
    /// See [`CallError`].
    fn processor(&self, stream: &str, options: &Map<String, Value>) -> Result<Box<dyn Processor>, CallError>;

    /// Inserts each one's audio and works on all of them in one call, or finishes those that end; each gets its outcome. The
    /// processors are this model's, and none is dead.
    fn process_batch(&self, batch: &mut [BatchEntry<'_>]);

    /// Whether it runs in a process of its own: its calls end by themselves, with the process if need be, and streams can
    /// go on when it dies.
    fn is_isolated(&self) -> bool {
        false
    }

    /// The same model in a process of its own, for one stream; `None` where it is in this one.
    fn dedicated(&self) -> Option<Box<dyn Model>> {
        None
    }

    /// Why it is not to be used for now, if so.
    fn unavailable(&self) -> Option<String> {
        None
    }

    /// A stream's call was running when the process died.
    fn note_death(&self, stream: &str, death: &Death) {
        let _ = (stream, death);
    }
}

/// A stream's processor.
pub trait Processor: Any + Send {
    /// Whether it died with its process.
    fn is_dead(&self) -> bool {
        false
    }

    /// See [`auricle_plugin_api::AsrProcessor::init`].
    ///
    /// # Errors
    /// See [`CallError`].
    fn init(&mut self, offset: u64) -> Result<(), CallError>;

    /// See [`auricle_plugin_api::AsrProcessor::restore`].
    ///
    /// # Errors
    /// See [`CallError`].
    fn restore(&mut self, sample: u64, state: &[u8]) -> Result<(), CallError>;

    /// Inserts audio, if there is any, then works on it, or finishes.
    ///
    /// # Errors
    /// See [`CallError`].
    fn process(&mut self, audio: &[f32], ends: bool, sink: &mut dyn EventSink) -> Result<(), CallError>;
}

/// One stream's part in [`Model::process_batch`].
pub struct BatchEntry<'a> {
    /// Its processor.
    pub processor: &'a mut dyn Processor,
    /// A full chunk, or the rest where it ends.
    pub audio: &'a [f32],
    /// Whether the audio ends with it. Only where the metadata say `ends_in_batch`.
    pub ends: bool,
    /// Where its events go.
    pub sink: &'a mut dyn EventSink,
    /// What came of it.
    pub outcome: Result<(), CallError>,
}

/// Why a call brought nothing.
#[derive(Debug)]
pub enum CallError {
    /// The engine says why.
    Engine(Error),
    /// The process died during the call, or had died before.
    Died(Death),
    /// There is no process for it, and why.
    Unavailable(String),
}

impl From<Error> for CallError {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

/// How a model's process died: `crashed (SIGSEGV)`, `did not return from finish within 30 s and was ended`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Death {
    /// Which process.
    pub pid: u32,
    how: String,
}

impl Death {
    /// What is said of it follows a noun, as `the engine` or `a worker`.
    pub fn new(pid: u32, how: String) -> Self {
        Self { pid, how }
    }
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.how)
    }
}
