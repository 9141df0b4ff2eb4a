//! Keeps a model running: replaces a worker that died when the next call needs one, with growing delays.
//!
//! Threads: the model's. Those that need a worker while one is being started wait for it.

use super::{Quarantine, WorkerSpec, process::Process, remote::RemoteProcessor};
use auricle_plugin_api::{Error, Metadata};
use auricle_stream::{BatchEntry, CallError, Death, Model, Processor};
use serde_json::{Map, Value};
use std::{
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// The number of attempts to start a worker. The model could be loaded before, so a failure may be temporary.
const TRIES: u32 = 3;
/// A worker that lived longer than this is replaced without a delay.
const STEADY_AFTER: Duration = Duration::from_secs(10);

/// A model that runs in worker processes, one after another.
#[derive(Debug)]
pub struct Supervisor {
    spec: Arc<WorkerSpec>,
    metadata: Metadata,
    quarantine: Arc<Quarantine>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    process: Option<Arc<Process>>,
    started: Option<Instant>,
    pause: Duration,
}

impl Supervisor {
    /// Starts the first worker and waits until it has loaded the model.
    ///
    /// # Errors
    /// The engine's error, or how the process ended.
    pub fn start(spec: WorkerSpec, quarantine: Arc<Quarantine>) -> Result<Self, Error> {
        if !spec.load.sandbox {
            tracing::warn!(
                preset = spec.load.preset,
                plugin = spec.plugin,
                "the worker has no sandbox (`host.sandbox`, or the plugin's claims)"
            );
        }
        let spec = Arc::new(spec);
        let process = Process::start(&spec)?;
        let metadata = process.metadata().clone();
        let state = State { process: Some(Arc::new(process)), started: Some(Instant::now()), pause: Duration::ZERO };
        Ok(Self { spec, metadata, quarantine, state: Mutex::new(state) })
    }

    fn process(&self) -> Result<Arc<Process>, CallError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(process) = state.process.as_ref().filter(|process| !process.is_dead()) {
            return Ok(Arc::clone(process));
        }
        if let Some(reason) = self.quarantine.reason() {
            return Err(CallError::Unavailable(reason));
        }
        if state.started.is_some_and(|started| started.elapsed() > STEADY_AFTER) {
            state.pause = Duration::ZERO;
        }
        // Other threads that wait for the lock need the same worker.
        let process = (1..=TRIES).find_map(|attempt| {
            thread::sleep(state.pause);
            state.pause = (2 * state.pause).clamp(FIRST_PAUSE, LONGEST_PAUSE);
            let started = Process::start(&self.spec);
            (started.is_ok() || attempt == TRIES).then_some(started)
        });
        state.started = Some(Instant::now());
        let process = process.unwrap_or_else(|| Err(Error::other("no worker was started")));
        let process = process.map_err(|error| CallError::Unavailable(error.message))?;
        let input = |of: &Metadata| (of.sample_rate, of.chunk_samples, of.first_chunk_samples, of.ends_in_batch);
        if input(process.metadata()) != input(&self.metadata) {
            return Err(CallError::Unavailable("the model's metadata have changed, so streams cannot continue".into()));
        }
        let process = Arc::new(process);
        state.process = Some(Arc::clone(&process));
        self.spec.load.metrics.worker_restarted(&self.spec.load.preset, &self.spec.backend);
        tracing::info!(preset = self.spec.load.preset, "a new worker has replaced the one that died");
        Ok(process)
    }
}

impl Model for Supervisor {
    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Starts a new worker if the last one died.
    fn processor(&self, stream: &str, options: &Map<String, Value>) -> Result<Box<dyn Processor>, CallError> {
        Ok(Box::new(RemoteProcessor::open(self.process()?, stream, options)?))
    }

    fn process_batch(&self, batch: &mut [BatchEntry<'_>]) {
        RemoteProcessor::process_batch(batch);
    }

    fn is_isolated(&self) -> bool {
        true
    }

    /// Has one lane. Its worker starts with the first call.
    fn dedicated(&self) -> Option<Box<dyn Model>> {
        let mut spec = (*self.spec).clone();
        spec.load.lanes = 1;
        Some(Box::new(Self {
            spec: Arc::new(spec),
            metadata: self.metadata.clone(),
            quarantine: Arc::clone(&self.quarantine),
            state: Mutex::default(),
        }))
    }

    fn unavailable(&self) -> Option<String> {
        self.quarantine.reason()
    }

    fn resident_bytes(&self) -> Option<u64> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.process.as_ref().and_then(|process| process.resident_bytes())
    }

    fn note_death(&self, stream: &str, death: &Death) {
        self.quarantine.note_death(stream, death);
    }
}
