//! The worker's calls: a thread for each lane takes a request, calls the engine, and answers.
//!
//! Invariant: a processor is in the table or with the one lane that calls it.

use super::{
    framed::{self, Received, Sender},
    wire::{self, Answer, EngineEvent, Request, Share},
};
use auricle_plugin_api::{
    Error, ErrorCode, Segment,
    host::{BatchEntry, EventSink, LoadedModel, LoadedProcessor},
};
use serde_json::{Map, Value};
use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    io::ErrorKind,
    os::unix::net::UnixStream,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

thread_local! {
    static AT_WORK: RefCell<Option<Arc<str>>> = const { RefCell::new(None) };
}

/// The stream that this thread calls the engine for, if it is a lane's thread in a call for one.
pub(super) fn stream_at_work() -> Option<String> {
    AT_WORK.try_with(|stream| stream.borrow().as_deref().map(str::to_owned)).ok().flatten()
}

/// The model and its processors.
pub(super) struct ProcessorTable {
    // Before the model: dropped in this order.
    processors: Mutex<HashMap<u64, ProcessorEntry>>,
    model: LoadedModel,
}

struct ProcessorEntry {
    processor: LoadedProcessor,
    stream: Arc<str>,
}

type Outcome = Result<(), Error>;

impl ProcessorEntry {
    /// Inserts audio, where there is any.
    fn insert(&mut self, audio: &[u8]) -> Outcome {
        if audio.is_empty() { Ok(()) } else { self.processor.insert_audio_chunk(&wire::to_samples(audio)) }
    }
}

impl ProcessorTable {
    pub(super) fn new(model: LoadedModel) -> Self {
        Self { processors: Mutex::default(), model }
    }

    /// Serves a lane until the host closes it.
    pub(super) fn serve(&self, socket: UnixStream) {
        let Ok((sender, mut receiver)) = framed::split(socket) else { return };
        let sender = RefCell::new(sender);
        loop {
            let request = match receiver.receive::<Request<'_>>() {
                Ok(Received::Message(request)) => request,
                // The call that it was meant for was over already.
                Ok(Received::Nothing) => continue,
                Ok(Received::Closed) | Err(_) => return,
            };
            if request == Request::Cancel {
                continue;
            }
            let outcomes = self.perform(request, &sender);
            AT_WORK.set(None);
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
                entry.insert(audio)?;
                let mut sink = LaneSink::new(sender, 0, false);
                let outcome =
                    if ends { entry.processor.finish(&mut sink) } else { entry.processor.process_iter(&mut sink) };
                outcome.and(sink.outcome())
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
        AT_WORK.set(Some(Arc::clone(&stream)));
        let options: Map<String, Value> = serde_json::from_str(options)?;
        let processor = self.model.processor(&options)?;
        self.table().insert(number, ProcessorEntry { processor, stream });
        Ok(())
    }

    fn process_batch(&self, batch: &[Share<'_>], sender: &RefCell<Sender>) -> Vec<Outcome> {
        let mut outcomes: Vec<Outcome> = Vec::with_capacity(batch.len());
        let mut entry: Vec<(usize, ProcessorEntry)> = Vec::with_capacity(batch.len());
        for (place, Share { processor, audio, ends }) in batch.iter().enumerate() {
            outcomes.push(self.take(*processor).and_then(|mut one| {
                let inserted = one.insert(audio);
                let told = inserted.and_then(|()| if *ends { one.processor.announce_end() } else { Ok(()) });
                entry.push((place, one));
                told
            }));
        }
        let mut sinks: Vec<_> = entry.iter().map(|(place, _)| LaneSink::new(sender, *place as u32, true)).collect();
        let mut entries: Vec<_> = entry
            .iter_mut()
            .zip(&mut sinks)
            .filter(|((place, _), _)| outcomes[*place].is_ok())
            .map(|((_, one), sink)| BatchEntry { processor: &mut one.processor, sink, result: Ok(()) })
            .collect();
        self.model.process_batch(&mut entries);
        let mut results = entries.into_iter().map(|entry| entry.result).collect::<Vec<_>>().into_iter();
        for ((place, _), sink) in entry.iter().zip(&sinks) {
            if outcomes[*place].is_ok() {
                outcomes[*place] = results.next().unwrap_or(Ok(())).and(sink.outcome());
            }
        }
        drop(sinks);
        self.table().extend(entry.into_iter().map(|(place, one)| (batch[place].processor, one)));
        outcomes
    }

    fn with(&self, number: u64, call: impl FnOnce(&mut ProcessorEntry) -> Outcome) -> Outcome {
        let mut entry = self.take(number)?;
        AT_WORK.set(Some(Arc::clone(&entry.stream)));
        let outcome = call(&mut entry);
        self.table().insert(number, entry);
        outcome
    }

    fn take(&self, number: u64) -> Result<ProcessorEntry, Error> {
        let missing = || Error::new(ErrorCode::CONTRACT, "the worker has no such processor");
        self.table().remove(&number).ok_or_else(missing)
    }

    fn table(&self) -> MutexGuard<'_, HashMap<u64, ProcessorEntry>> {
        self.processors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Passes an engine's events on to the host.
struct LaneSink<'a> {
    sender: &'a RefCell<Sender>,
    place: u32,
    /// Events go with the outcome: what several streams are told comes all at once.
    gathers: bool,
    cancelled: Cell<bool>,
    failure: Option<Error>,
}

impl<'a> LaneSink<'a> {
    fn new(sender: &'a RefCell<Sender>, place: u32, gathers: bool) -> Self {
        Self { sender, place, gathers, cancelled: Cell::new(false), failure: None }
    }

    /// Whether everything could be passed on.
    fn outcome(&self) -> Outcome {
        self.failure.clone().map_or(Ok(()), Err)
    }

    fn pass_on(&mut self, event: EngineEvent<'_>) {
        if self.failure.is_some() {
            return;
        }
        let (message, mut sender) = (Answer::Event { place: self.place, event }, self.sender.borrow_mut());
        let sent = if self.gathers { sender.add(&message) } else { sender.send(&message) };
        drop(sender);
        match sent {
            Err(error) if error.kind() == ErrorKind::InvalidInput => {
                self.failure = Some(Error::new(ErrorCode::CONTRACT, format!("the engine reported {error}")));
            }
            // The host is gone, or tired of it: see `cancelled`.
            Err(_) => self.cancelled.set(true),
            Ok(()) => {}
        }
    }
}

impl EventSink for LaneSink<'_> {
    fn partial(&mut self, segment: Segment) {
        self.pass_on(EngineEvent::Partial(segment.into()));
    }

    fn segment(&mut self, segment: Segment) {
        self.pass_on(EngineEvent::Segment(segment.into()));
    }

    fn speech_started(&mut self, sample: u64) {
        self.pass_on(EngineEvent::SpeechStarted(sample));
    }

    fn endpoint(&mut self, sample: u64) {
        self.pass_on(EngineEvent::Endpoint(sample));
    }

    fn restart_point(&mut self, sample: u64, state: &[u8]) {
        self.pass_on(EngineEvent::RestartPoint(sample, state));
    }

    fn cancelled(&self) -> bool {
        // During a call the host says nothing else.
        if !self.cancelled.get() && self.sender.borrow().is_called() {
            self.cancelled.set(true);
        }
        self.cancelled.get() || self.failure.is_some()
    }
}
