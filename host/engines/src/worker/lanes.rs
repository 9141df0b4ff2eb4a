//! The worker's calls: a thread for each lane takes a request, calls the engine, and answers.
//!
//! Invariant: a processor is in the table or with the one lane that calls it.

use super::{
    framed::{self, Received, Sender},
    wire::{self, Answer, Happening, Request, Share},
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
pub(super) struct Shop {
    // Before the model: dropped in this order.
    processors: Mutex<HashMap<u64, Hired>>,
    model: LoadedModel,
}

struct Hired {
    processor: LoadedProcessor,
    stream: Arc<str>,
}

type Outcome = Result<(), Error>;

impl Hired {
    /// Inserts audio, where there is any.
    fn insert(&mut self, audio: &[u8]) -> Outcome {
        if audio.is_empty() { Ok(()) } else { self.processor.insert_audio_chunk(&wire::to_samples(audio)) }
    }
}

impl Shop {
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
            Request::Init { processor, offset } => self.with(processor, |hired| hired.processor.init(offset)),
            Request::Restore { processor, sample, state } => {
                self.with(processor, |hired| hired.processor.restore(sample, state))
            }
            Request::Hear { processor, audio, ends } => self.with(processor, |hired| {
                hired.insert(audio)?;
                let mut sink = LaneSink::new(sender, 0, false);
                let outcome =
                    if ends { hired.processor.finish(&mut sink) } else { hired.processor.process_iter(&mut sink) };
                outcome.and(sink.outcome())
            }),
            Request::HearTogether(batch) => return self.hear_together(&batch, sender),
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
        self.table().insert(number, Hired { processor, stream });
        Ok(())
    }

    fn hear_together(&self, batch: &[Share<'_>], sender: &RefCell<Sender>) -> Vec<Outcome> {
        let mut outcomes: Vec<Outcome> = Vec::with_capacity(batch.len());
        let mut hired: Vec<(usize, Hired)> = Vec::with_capacity(batch.len());
        for (place, Share { processor, audio, ends }) in batch.iter().enumerate() {
            outcomes.push(self.take(*processor).and_then(|mut one| {
                let inserted = one.insert(audio);
                let told = inserted.and_then(|()| if *ends { one.processor.announce_end() } else { Ok(()) });
                hired.push((place, one));
                told
            }));
        }
        let mut sinks: Vec<_> = hired.iter().map(|(place, _)| LaneSink::new(sender, *place as u32, true)).collect();
        let mut entries: Vec<_> = hired
            .iter_mut()
            .zip(&mut sinks)
            .filter(|((place, _), _)| outcomes[*place].is_ok())
            .map(|((_, one), sink)| BatchEntry { processor: &mut one.processor, sink, result: Ok(()) })
            .collect();
        self.model.process_batch(&mut entries);
        let mut results = entries.into_iter().map(|entry| entry.result).collect::<Vec<_>>().into_iter();
        for ((place, _), sink) in hired.iter().zip(&sinks) {
            if outcomes[*place].is_ok() {
                outcomes[*place] = results.next().unwrap_or(Ok(())).and(sink.outcome());
            }
        }
        drop(sinks);
        self.table().extend(hired.into_iter().map(|(place, one)| (batch[place].processor, one)));
        outcomes
    }

    fn with(&self, number: u64, call: impl FnOnce(&mut Hired) -> Outcome) -> Outcome {
        let mut hired = self.take(number)?;
        AT_WORK.set(Some(Arc::clone(&hired.stream)));
        let outcome = call(&mut hired);
        self.table().insert(number, hired);
        outcome
    }

    fn take(&self, number: u64) -> Result<Hired, Error> {
        let missing = || Error::new(ErrorCode::CONTRACT, "the worker has no such processor");
        self.table().remove(&number).ok_or_else(missing)
    }

    fn table(&self) -> MutexGuard<'_, HashMap<u64, Hired>> {
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

    fn pass_on(&mut self, event: Happening<'_>) {
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
        self.pass_on(Happening::Partial(segment.into()));
    }

    fn segment(&mut self, segment: Segment) {
        self.pass_on(Happening::Segment(segment.into()));
    }

    fn speech_started(&mut self, sample: u64) {
        self.pass_on(Happening::SpeechStarted(sample));
    }

    fn endpoint(&mut self, sample: u64) {
        self.pass_on(Happening::Endpoint(sample));
    }

    fn restart_point(&mut self, sample: u64, state: &[u8]) {
        self.pass_on(Happening::RestartPoint(sample, state));
    }

    fn cancelled(&self) -> bool {
        // During a call the host says nothing else.
        if !self.cancelled.get() && self.sender.borrow().is_called() {
            self.cancelled.set(true);
        }
        self.cancelled.get() || self.failure.is_some()
    }
}
