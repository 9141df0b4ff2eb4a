//! A loaded model and its processors, wherever they run: here or in a worker process.
//!
//! The one place that tells the two apart. Threads: as `plugin-api` says: models from anywhere, a processor by one thread
//! at a time.

use crate::{
    metrics::Metrics,
    worker::{CrashReports, Death, RemoteProcessor, Supervisor},
};
use auricle_plugin_api::{
    Error, Metadata,
    host::{BatchEntry, EventSink, LoadedModel, LoadedProcessor},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::{sync::Arc, time::Duration};

/// Where an engine's code runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Isolation {
    /// In the server's own process: a crash of the engine is the server's.
    InProcess,
    /// In a process of its own.
    Process,
}

impl Isolation {
    /// Where the code of a plugin runs that nobody trusts; in the server where there are no workers.
    pub const UNTRUSTED: Self = if cfg!(unix) { Self::Process } else { Self::InProcess };
}

/// How a model is loaded and where.
#[derive(Debug, Clone)]
pub struct LoadSpec {
    /// The preset that asked for it, for the log.
    pub preset: String,
    /// The fields it is loaded with.
    pub fields: Map<String, Value>,
    /// Where its code runs. The rest is for a worker process.
    pub isolation: Isolation,
    /// Calls at the same time.
    pub lanes: usize,
    /// The longest a call may take.
    pub call_limit: Duration,
    /// The longest the loading may take.
    pub load_limit: Duration,
    /// Bytes of memory it may have.
    pub memory_limit: Option<u64>,
    /// Whether it gives up what engines do not need.
    pub sandbox: bool,
    /// Where what is known of its death is written.
    pub reports: Arc<CrashReports>,
    /// Where it is counted.
    pub metrics: Arc<Metrics>,
}

/// Why a call brought nothing.
#[derive(Debug)]
pub enum CallError {
    /// The engine says why.
    Engine(Error),
    /// The worker died during the call, or had died before.
    Died(Death),
    /// There is no worker, and why.
    Unavailable(String),
}

impl From<Error> for CallError {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

/// A loaded model.
pub enum Model {
    /// In this process.
    InProcess(LoadedModel),
    /// In a worker process.
    Worker(Supervisor),
}

impl Model {
    /// What the model says of itself.
    pub fn metadata(&self) -> &Metadata {
        match self {
            Self::InProcess(model) => model.metadata(),
            Self::Worker(supervisor) => supervisor.metadata(),
        }
    }

    /// A fresh processor for a stream, with the whole configuration.
    ///
    /// # Errors
    /// See [`CallError`].
    pub fn processor(&self, stream: &str, options: &Map<String, Value>) -> Result<Processor, CallError> {
        Ok(match self {
            Self::InProcess(model) => Processor::InProcess(model.processor(options)?),
            Self::Worker(supervisor) => Processor::Worker(supervisor.processor(stream, options)?),
        })
    }

    /// Inserts each one's audio and works on all of them in one call, or finishes those that end; each gets its outcome.
    pub fn hear_together(&self, batch: &mut [Turn<'_>]) -> Vec<Result<(), CallError>> {
        match self {
            Self::InProcess(model) => hear_here_together(model, batch),
            Self::Worker(_) => RemoteProcessor::hear_together(batch),
        }
    }

    /// The same model in a worker of its own, where it is in a worker at all.
    pub fn apart(&self) -> Option<Self> {
        match self {
            Self::InProcess(_) => None,
            Self::Worker(supervisor) => Some(Self::Worker(supervisor.apart())),
        }
    }

    /// Why it is not to be used for now, if so.
    pub fn quarantined(&self) -> Option<String> {
        match self {
            Self::InProcess(_) => None,
            Self::Worker(supervisor) => supervisor.quarantine().reason(),
        }
    }

    /// A stream's call was the last one of a worker.
    pub fn note_death(&self, stream: &str, death: &Death) {
        if let Self::Worker(supervisor) = self {
            supervisor.quarantine().note_death(stream, death);
        }
    }

    /// Whether streams can go on when the engine dies.
    pub fn outlives_the_engine(&self) -> bool {
        matches!(self, Self::Worker(_))
    }
}

/// One stream's part in [`Model::hear_together`].
pub struct Turn<'a> {
    /// A processor of that model that is not dead.
    pub processor: &'a mut Processor,
    /// A full chunk, or the rest where it ends.
    pub audio: &'a [f32],
    /// Whether the audio ends with it. Only where the metadata say `ends_in_batch`.
    pub ends: bool,
    /// Where its events go.
    pub sink: &'a mut dyn EventSink,
}

fn hear_here_together(model: &LoadedModel, batch: &mut [Turn<'_>]) -> Vec<Result<(), CallError>> {
    let foreign = || Err(CallError::Unavailable("its processor is not in this process".into()));
    let mut outcomes = Vec::with_capacity(batch.len());
    let mut entries = Vec::with_capacity(batch.len());
    for Turn { processor, audio, ends, sink } in batch {
        let outcome = match processor {
            Processor::InProcess(processor) => {
                let inserted = if audio.is_empty() { Ok(()) } else { processor.insert_audio_chunk(audio) };
                let told = inserted.and_then(|()| if *ends { processor.announce_end() } else { Ok(()) });
                if told.is_ok() {
                    entries.push(BatchEntry { processor, sink: &mut **sink, result: Ok(()) });
                }
                told.map_err(CallError::Engine)
            }
            Processor::Worker(_) => foreign(),
        };
        outcomes.push(outcome);
    }
    model.process_batch(&mut entries);
    let results = entries.into_iter().map(|entry| entry.result.map_err(CallError::Engine));
    for (outcome, result) in outcomes.iter_mut().filter(|outcome| outcome.is_ok()).zip(results) {
        *outcome = result;
    }
    outcomes
}

/// A stream's processor.
pub enum Processor {
    /// In this process.
    InProcess(LoadedProcessor),
    /// In a worker process.
    Worker(RemoteProcessor),
}

impl Processor {
    /// Whether it died with its worker.
    pub fn is_dead(&self) -> bool {
        matches!(self, Self::Worker(processor) if processor.is_dead())
    }

    /// See [`auricle_plugin_api::AsrProcessor::init`].
    ///
    /// # Errors
    /// See [`CallError`].
    pub fn init(&mut self, offset: u64) -> Result<(), CallError> {
        match self {
            Self::InProcess(processor) => Ok(processor.init(offset)?),
            Self::Worker(processor) => processor.init(offset),
        }
    }

    /// See [`auricle_plugin_api::AsrProcessor::restore`].
    ///
    /// # Errors
    /// See [`CallError`].
    pub fn restore(&mut self, sample: u64, state: &[u8]) -> Result<(), CallError> {
        match self {
            Self::InProcess(processor) => Ok(processor.restore(sample, state)?),
            Self::Worker(processor) => processor.restore(sample, state),
        }
    }

    /// Inserts audio, if there is any, then works on it, or finishes.
    ///
    /// # Errors
    /// See [`CallError`].
    pub fn hear(&mut self, audio: &[f32], ends: bool, sink: &mut dyn EventSink) -> Result<(), CallError> {
        match self {
            Self::InProcess(processor) => {
                if !audio.is_empty() {
                    processor.insert_audio_chunk(audio)?;
                }
                Ok(if ends { processor.finish(sink) } else { processor.process_iter(sink) }?)
            }
            Self::Worker(processor) => processor.hear(audio, ends, sink),
        }
    }
}
