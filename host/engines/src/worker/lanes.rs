//! The worker's calls: each lane thread receives a request, calls the engine, and sends the response.
//!
//! Invariant: a processor is in the table or held by the one lane that calls it. Threads: one per lane.

use super::{
    framed::{self, Received, Sender},
    wire::{self, Answer, EngineEvent, Request, Share},
};
use auricle_plugin_api::{Error, ErrorCode, Segment, Turn, host::EventSink};
use auricle_stream::{BatchEntry, CallError, Model, Processor};
use serde_json::{Map, Value};
use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    io::ErrorKind,
    os::unix::net::UnixStream,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

thread_local! {
    static CURRENT_STREAM: RefCell<Option<Arc<str>>> = const { RefCell::new(None) };
}

/// The id of the stream for which this thread calls the engine, if it is a lane thread in a call for one stream.
pub(super) fn current_stream() -> Option<String> {
    CURRENT_STREAM.try_with(|stream| stream.borrow().as_deref().map(str::to_owned)).ok().flatten()
}

/// The model and its processors.
pub(super) struct ProcessorTable {
    // Before the model: dropped in this order.
    processors: Mutex<HashMap<u64, ProcessorEntry>>,
    model: Box<dyn Model>,
}

struct ProcessorEntry {
    processor: Box<dyn Processor>,
    stream: Arc<str>,
}

type Outcome = Result<(), Error>;

/// The error of a call in this process.
fn error(problem: CallError) -> Error {
    match problem {
        CallError::Engine(error) => error,
        CallError::Died(death) => Error::other(format!("the engine {death}")),
        CallError::Unavailable(reason) => Error::other(reason),
        CallError::Failed(failure) => Error::other(failure.message),
    }
}

impl ProcessorTable {
    pub(super) fn new(model: Box<dyn Model>) -> Self {
        Self { processors: Mutex::default(), model }
    }

    /// Serves a lane until the host closes it.
    pub(super) fn serve(&self, socket: UnixStream) {
        let Ok((sender, mut receiver)) = framed::split(socket) else { return };
        let sender = RefCell::new(sender);
        loop {
            let request = match receiver.receive::<Request<'_>>() {
                Ok(Received::Message(request)) => request,
                Ok(Received::Nothing) => continue,
                Ok(Received::Closed) | Err(_) => return,
            };
            // The call to cancel has already ended.
            if request == Request::Cancel {
                continue;
            }
            let outcomes = self.perform(request, &sender);
            CURRENT_STREAM.set(None);
            let answer = Answer::Over(outcomes.into_iter().map(|outcome| outcome.map_err(Into::into)).collect());
            if sender.borrow_mut().send(&answer).is_err() {
                return;
            }
        }
    }

    fn perform(&self, request: Request<'_>, sender: &RefCell<Sender>) -> Vec<Outcome> {
        let outcome = match request {
            Request::Open { processor, stream, options } => self.open(processor, stream, options),
            Request::Init { processor, offset } => self.with(processor, |entry| entry.processor.init(offset)),
            Request::Restore { processor, sample, state } => {
                self.with(processor, |entry| entry.processor.restore(sample, state))
            }
            Request::Process { processor, audio, ends } => self.with(processor, |entry| {
                let mut sink = LaneSink::new(sender, 0, false);
                let outcome = entry.processor.process(&wire::to_samples(audio), ends, &mut sink);
                outcome.and_then(|()| Ok(sink.outcome()?))
            }),
            Request::EndTurn { processor } => self.with(processor, |entry| {
                let mut sink = LaneSink::new(sender, 0, false);
                let outcome = entry.processor.end_turn(&mut sink);
                outcome.and_then(|()| Ok(sink.outcome()?))
            }),
            Request::ProcessBatch(batch) => return self.process_batch(&batch, sender),
            Request::Close { processor } => {
                drop(self.take(processor));
                Ok(())
            }
            Request::Cancel => Ok(()),
        };
        vec![outcome]
    }

    fn open(&self, number: u64, stream: &str, options: &str) -> Outcome {
        let stream: Arc<str> = stream.into();
        CURRENT_STREAM.set(Some(Arc::clone(&stream)));
        let options: Map<String, Value> = serde_json::from_str(options)?;
        let processor = self.model.processor(&stream, &options).map_err(error)?;
        self.table().insert(number, ProcessorEntry { processor, stream });
        Ok(())
    }

    fn process_batch(&self, batch: &[Share<'_>], sender: &RefCell<Sender>) -> Vec<Outcome> {
        let mut outcomes: Vec<Outcome> = Vec::with_capacity(batch.len());
        let mut taken: Vec<(usize, ProcessorEntry, Vec<f32>)> = Vec::with_capacity(batch.len());
        for (place, Share { processor, audio, .. }) in batch.iter().enumerate() {
            outcomes.push(self.take(*processor).map(|one| taken.push((place, one, wire::to_samples(audio)))));
        }
        let mut sinks: Vec<_> = taken.iter().map(|(place, ..)| LaneSink::new(sender, *place as u32, true)).collect();
        let mut entries: Vec<_> = taken
            .iter_mut()
            .zip(&mut sinks)
            .map(|((place, one, audio), sink)| BatchEntry {
                processor: &mut *one.processor,
                audio,
                ends: batch[*place].ends,
                sink,
                outcome: Err(CallError::Unavailable("it was not processed".into())),
            })
            .collect();
        self.model.process_batch(&mut entries);
        let results: Vec<_> = entries.into_iter().map(|entry| entry.outcome.map_err(error)).collect();
        for (((place, ..), sink), result) in taken.iter().zip(&sinks).zip(results) {
            outcomes[*place] = result.and(sink.outcome());
        }
        drop(sinks);
        self.table().extend(taken.into_iter().map(|(place, one, _)| (batch[place].processor, one)));
        outcomes
    }

    fn with(&self, number: u64, call: impl FnOnce(&mut ProcessorEntry) -> Result<(), CallError>) -> Outcome {
        let mut entry = self.take(number)?;
        CURRENT_STREAM.set(Some(Arc::clone(&entry.stream)));
        let outcome = call(&mut entry);
        self.table().insert(number, entry);
        outcome.map_err(error)
    }

    fn take(&self, number: u64) -> Result<ProcessorEntry, Error> {
        let missing = || Error::new(ErrorCode::CONTRACT, "the worker has no such processor");
        self.table().remove(&number).ok_or_else(missing)
    }

    fn table(&self) -> MutexGuard<'_, HashMap<u64, ProcessorEntry>> {
        self.processors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends an engine's events to the host.
struct LaneSink<'a> {
    sender: &'a RefCell<Sender>,
    place: u32,
    /// Whether events are buffered until the outcome is sent. Used for batches.
    buffers: bool,
    cancelled: Cell<bool>,
    failure: Option<Error>,
}

impl<'a> LaneSink<'a> {
    fn new(sender: &'a RefCell<Sender>, place: u32, buffers: bool) -> Self {
        Self { sender, place, buffers, cancelled: Cell::new(false), failure: None }
    }

    /// The error of the first event that could not be sent, if any.
    fn outcome(&self) -> Outcome {
        self.failure.clone().map_or(Ok(()), Err)
    }

    fn forward(&mut self, event: EngineEvent<'_>) {
        if self.failure.is_some() {
            return;
        }
        let (message, mut sender) = (Answer::Event { place: self.place, event }, self.sender.borrow_mut());
        let sent = if self.buffers { sender.add(&message) } else { sender.send(&message) };
        drop(sender);
        match sent {
            Err(error) if error.kind() == ErrorKind::InvalidInput => {
                self.failure = Some(Error::new(ErrorCode::CONTRACT, format!("the engine reported {error}")));
            }
            // The host is gone or does not read any more. The call is cancelled.
            Err(_) => self.cancelled.set(true),
            Ok(()) => {}
        }
    }
}

impl EventSink for LaneSink<'_> {
    fn partial(&mut self, segment: Segment) {
        self.forward(EngineEvent::Partial(segment.into()));
    }

    fn segment(&mut self, segment: Segment) {
        self.forward(EngineEvent::Segment(segment.into()));
    }

    fn speech_started(&mut self, sample: u64) {
        self.forward(EngineEvent::SpeechStarted(sample));
    }

    fn endpoint(&mut self, sample: u64) {
        self.forward(EngineEvent::Endpoint(sample));
    }

    fn turn(&mut self, turn: Turn) {
        self.forward(EngineEvent::Turn(turn));
    }

    fn restart_point(&mut self, sample: u64, state: &[u8]) {
        self.forward(EngineEvent::RestartPoint(sample, state));
    }

    fn cancelled(&self) -> bool {
        // During a call the host sends only `Cancel`.
        if !self.cancelled.get() && self.sender.borrow().has_input() {
            self.cancelled.set(true);
        }
        self.cancelled.get() || self.failure.is_some()
    }
}
