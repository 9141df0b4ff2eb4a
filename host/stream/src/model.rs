//! The traits of models and processors, as streams use them. They run in this process, in a worker, or on another machine.
//!
//! Threads: any thread may call a model; one thread at a time may call a processor.

use auricle_core::{Failure, Pace};
use auricle_plugin_api::{Error, Metadata, host::EventSink};
use serde_json::{Map, Value};
use std::{any::Any, fmt};

/// A loaded model.
pub trait Model: Send + Sync {
    /// The model's metadata.
    fn metadata(&self) -> &Metadata;

    /// Creates a processor for a stream. `stream` is the stream's id, `options` its complete configuration.
    ///
    /// # Errors
    /// See [`CallError`].
    fn processor(&self, stream: &str, options: &Map<String, Value>) -> Result<Box<dyn Processor>, CallError>;

    /// Creates a processor for a stream whose pace is known. `continues`: the stream runs already, and its processor died.
    ///
    /// # Errors
    /// See [`CallError`].
    fn processor_for(
        &self,
        stream: &str,
        options: &Map<String, Value>,
        pace: Pace,
        continues: bool,
    ) -> Result<Box<dyn Processor>, CallError> {
        let _ = (pace, continues);
        self.processor(stream, options)
    }

    /// Inserts the audio of each entry and processes all entries in one call. Entries that end are finished. Each entry
    /// gets its own outcome. All processors must belong to this model and be alive.
    fn process_batch(&self, batch: &mut [BatchEntry<'_>]);

    /// Whether the model runs in a worker process. Its calls then always return, because the process is killed if
    /// necessary, and streams can continue after it died.
    fn is_isolated(&self) -> bool {
        false
    }

    /// Whether the model runs on other machines. Their deaths are rarely the fault of a stream.
    fn is_remote(&self) -> bool {
        false
    }

    /// How many more live streams the other machines accept; `None` if that limits nothing.
    fn room(&self) -> Option<usize> {
        None
    }

    /// The same model in another worker process, for one stream; `None` if the model is not isolated.
    fn dedicated(&self) -> Option<Box<dyn Model>> {
        None
    }

    /// Why the model must not be used now, or `None` if it may be used.
    fn unavailable(&self) -> Option<String> {
        None
    }

    /// The memory of its worker process in bytes, if the model has one and the system reports it.
    fn resident_bytes(&self) -> Option<u64> {
        None
    }

    /// Records that a call for this stream was running when the process died.
    fn note_death(&self, stream: &str, death: &Death) {
        let _ = (stream, death);
    }
}

/// A stream's processor.
pub trait Processor: Any + Send {
    /// Whether the processor's process has died.
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

    /// Inserts the audio, unless it is empty, and then processes it, or finishes if `ends`.
    ///
    /// # Errors
    /// See [`CallError`].
    fn process(&mut self, audio: &[f32], ends: bool, sink: &mut dyn EventSink) -> Result<(), CallError>;

    /// The client ends the turn, see [`auricle_plugin_api::StageStream::end_turn`]. Does nothing without stages.
    ///
    /// # Errors
    /// See [`CallError`].
    fn end_turn(&mut self, sink: &mut dyn EventSink) -> Result<(), CallError> {
        let _ = sink;
        Ok(())
    }

    /// Inserts the last audio of the stream, unless it is empty, and finishes.
    ///
    /// # Errors
    /// See [`CallError`].
    fn finish(&mut self, audio: &[f32], sink: &mut dyn EventSink) -> Result<(), CallError> {
        self.process(audio, true, sink)
    }
}

/// The part of one stream in [`Model::process_batch`].
pub struct BatchEntry<'a> {
    /// The stream's processor.
    pub processor: &'a mut dyn Processor,
    /// A full chunk, or the remaining audio if the stream ends.
    pub audio: &'a [f32],
    /// Whether the stream ends. Only if the model's metadata have `ends_in_batch`.
    pub ends: bool,
    /// Receives the stream's events.
    pub sink: &'a mut dyn EventSink,
    /// The result of the call.
    pub outcome: Result<(), CallError>,
}

/// Why a call failed.
#[derive(Debug)]
pub enum CallError {
    /// The engine returned an error.
    Engine(Error),
    /// The process died during the call or before it.
    Died(Death),
    /// There is no process to make the call in; the text says why.
    Unavailable(String),
    /// The stream has failed on another machine.
    Failed(Failure),
}

impl From<Error> for CallError {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

/// How a worker process died. Displays as a predicate, such as `crashed (SIGSEGV)` or
/// `did not return from finish within 30 s and was ended`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Death {
    /// The process id.
    pub pid: u32,
    how: String,
}

impl Death {
    /// Creates a description. `how` must continue a noun, such as `the engine` or `a worker`.
    pub fn new(pid: u32, how: String) -> Self {
        Self { pid, how }
    }
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.how)
    }
}
