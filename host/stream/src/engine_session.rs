//! The engine's end of a stream: its processor, what came of the calls so far, and what it takes to go on without it.
//!
//! Held by the one thread that calls the engine for the stream, parked in the stream between calls. A processor that died
//! with its worker is replaced by the next work: a fresh one goes on from the last restart point (see `replay`).

use super::{
    StreamSettings,
    call::{CallSink, Record},
    inbox::Work,
    model::{BatchEntry, CallError, Death, Model, Processor},
    outbox::Outbox,
    replay::Origin,
};
use auricle_core::Event;
use auricle_core::{Failure, FailureCode};
use auricle_plugin_api::{Error, ErrorCode, Replay};
use serde_json::{Map, Value};

/// Without a processor at first: the first work makes it.
#[derive(Default)]
pub(super) struct EngineSession {
    processor: Option<Box<dyn Processor>>,
    /// The processor was started in this epoch: one that takes its place has to go on from there.
    started: bool,
    pub(super) epoch: u32,
    record: Record,
    /// How far it had come, by epoch and sample, when the engine last died of it.
    struck: Option<(u32, u64)>,
}

/// What a piece of work needs of its stream.
pub(super) struct CallContext<'a> {
    pub(super) id: &'a str,
    pub(super) model: &'a dyn Model,
    pub(super) options: &'a Map<String, Value>,
    pub(super) settings: &'a StreamSettings,
    pub(super) outbox: &'a Outbox,
}

/// What comes after a piece of work.
pub(super) enum Next {
    GoesOn,
    Done,
}

/// Why a piece of work was not done.
pub(super) enum StepError {
    /// The stream ends.
    Failed(Failure),
    /// The worker died of it; it can be done filter.
    Died(Death, Work),
}

/// The call into the engine that a piece of work is mostly made of, for people.
pub(super) fn call_name(work: &Work) -> &'static str {
    match work {
        Work::Open => "processor",
        Work::Chunk(_) => "process_iter",
        Work::Flush(..) | Work::Finish(_) => "finish",
        Work::Reset(_) => "init",
    }
}

impl EngineSession {
    /// Samples heard in this epoch.
    pub(super) fn position(&self) -> u64 {
        self.record.position
    }

    /// Notes that the engine died of this stream. Returns whether it had died of it before and got no further since.
    pub(super) fn strike(&mut self) -> bool {
        let now = (self.epoch, self.record.position);
        self.struck.replace(now).is_some_and(|before| now <= before)
    }

    /// Calls the engine; its events go to the outbox as they come.
    pub(super) fn perform(&mut self, work: Work, context: &CallContext<'_>) -> Result<Next, StepError> {
        let mut failure = None;
        let start = self.record.position;
        let outcome =
            self.go_on(&work, context, &mut failure).and_then(|()| self.call(&work, context, start, &mut failure));
        if matches!(outcome, Err(CallError::Died(_))) {
            self.record.position = start;
        }
        self.conclude(work, context, outcome, failure)
    }

    /// Whether this work can be done together with that of other streams: full chunks, and ends where the model takes
    /// them, but not where a processor is to be made first.
    pub(super) fn joins(&self, work: &Work, model: &dyn Model) -> bool {
        let suited = work.batchable().is_some_and(|(_, ends)| !ends || model.metadata().ends_in_batch);
        suited && self.processor.as_ref().is_some_and(|processor| !processor.is_dead())
    }

    /// As [`perform`](Self::perform), for the work of each of several streams that [`joins`](Self::joins).
    pub(super) fn perform_together(
        batch: Vec<(&mut Self, Work)>,
        contexts: &[CallContext<'_>],
    ) -> Vec<Result<Next, StepError>> {
        let Some(model) = contexts.first().map(|context| context.model) else { return Vec::new() };
        let (mut engines, works): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        let mut parts: Vec<_> = engines
            .iter_mut()
            .zip(&works)
            .zip(contexts)
            .filter_map(|((engine, work), context)| {
                engine.record.position += work.samples() as u64;
                let sink = CallSink::new(context, engine.epoch, &mut engine.record);
                Some((engine.processor.as_mut()?, work.batchable()?, sink))
            })
            .collect();
        let mut entries: Vec<_> = parts
            .iter_mut()
            .map(|(processor, (audio, ends), sink)| BatchEntry {
                processor: &mut ***processor,
                audio,
                ends: *ends,
                sink,
                outcome: Err(CallError::Unavailable("it was not worked on".into())),
            })
            .collect();
        model.process_batch(&mut entries);
        let outcomes: Vec<_> = entries.into_iter().map(|entry| entry.outcome).collect();
        let failures: Vec<_> = parts.into_iter().map(|(_, _, sink)| sink.into_failure()).collect();
        let done = engines.into_iter().zip(works).zip(contexts).zip(outcomes.into_iter().zip(failures));
        done.map(|(((engine, work), context), (outcome, failure))| {
            if matches!(outcome, Err(CallError::Died(_))) {
                engine.record.position -= work.samples() as u64;
            }
            let next = if matches!(work, Work::Finish(_)) { Next::Done } else { Next::GoesOn };
            engine.conclude(work, context, outcome.map(|()| next), failure)
        })
        .collect()
    }

    fn conclude(
        &mut self,
        work: Work,
        context: &CallContext<'_>,
        outcome: Result<Next, CallError>,
        failure: Option<Failure>,
    ) -> Result<Next, StepError> {
        match outcome {
            Ok(next) => {
                self.settle(work, context);
                failure.map_or(Ok(next), |failure| Err(StepError::Failed(failure)))
            }
            Err(CallError::Engine(error)) => Err(StepError::Failed(explain(call_name(&work), error))),
            Err(CallError::Died(death)) => Err(StepError::Died(death, work)),
            Err(CallError::Unavailable(reason)) => {
                Err(StepError::Failed(Failure::new(FailureCode::EngineUnavailable, reason)))
            }
        }
    }

    /// Has a processor that can do this work, in the place of one that died if need be.
    fn go_on(
        &mut self,
        work: &Work,
        context: &CallContext<'_>,
        failure: &mut Option<Failure>,
    ) -> Result<(), CallError> {
        if self.processor.as_ref().is_some_and(|processor| !processor.is_dead()) {
            return Ok(());
        }
        self.processor = None;
        let processor = self.processor.insert(context.model.processor(context.id, context.options)?);
        if !self.started || matches!(work, Work::Open | Work::Reset(_)) {
            return Ok(());
        }
        let plan = self.record.replay.plan(context.model.metadata().replay, self.record.told);
        tracing::info!(from = plan.origin.sample(), "going on with a fresh processor");
        let started = match &plan.origin {
            Origin::Start(sample) => processor.init(*sample),
            Origin::Restart(point) => processor.restore(point.sample, &point.state),
        };
        if let Some((from, to)) = plan.gap {
            tracing::warn!(from, to, "audio is lost: more than `limits.replay_seconds` had to be heard again");
            context.outbox.push(Some(self.epoch), Event::Gap(from, to));
        }
        self.record.position = plan.origin.sample();
        self.record.filter = plan.filter;
        let mut outcome = started;
        for (start, piece) in plan.audio {
            if outcome.is_ok() && failure.is_none() {
                outcome = self.process(&piece, false, context, failure);
            }
            // Also what was not heard: the next one will.
            self.record.replay.remember(start, piece, self.most_kept(context));
        }
        outcome
    }

    /// Does the work, whose audio begins at `start`: before a restart point that was told in the call that the engine died of,
    /// it is not heard filter.
    fn call(
        &mut self,
        work: &Work,
        context: &CallContext<'_>,
        start: u64,
        failure: &mut Option<Failure>,
    ) -> Result<Next, CallError> {
        if failure.is_some() {
            return Ok(Next::GoesOn);
        }
        let heard = self.record.position.saturating_sub(start) as usize;
        let from = |audio: &[f32]| heard.min(audio.len());
        match work {
            Work::Open => {
                self.start(0)?;
                context.outbox.push(Some(self.epoch), Event::Ready { epoch: self.epoch });
            }
            Work::Chunk(audio) => self.process(&audio[from(audio)..], false, context, failure)?,
            Work::Flush(rest, frames) => {
                self.process(&rest[from(rest)..], true, context, failure)?;
                if failure.is_none() {
                    self.start(self.record.position)?;
                    context.outbox.push(Some(self.epoch), Event::Flushed(*frames));
                }
            }
            Work::Finish(rest) => {
                self.process(&rest[from(rest)..], true, context, failure)?;
                return Ok(Next::Done);
            }
            Work::Reset(next) => {
                self.record = Record::default();
                self.epoch = *next;
                self.start(0)?;
                context.outbox.push(Some(*next), Event::Ready { epoch: *next });
            }
        }
        Ok(Next::GoesOn)
    }

    fn start(&mut self, offset: u64) -> Result<(), CallError> {
        if let Some(processor) = &mut self.processor {
            processor.init(offset)?;
        }
        self.started = true;
        self.record.replay.start(offset);
        Ok(())
    }

    fn process(
        &mut self,
        audio: &[f32],
        ends: bool,
        context: &CallContext<'_>,
        failure: &mut Option<Failure>,
    ) -> Result<(), CallError> {
        let Some(processor) = &mut self.processor else { return Ok(()) };
        if audio.is_empty() && !ends {
            return Ok(());
        }
        self.record.position += audio.len() as u64;
        let mut sink = CallSink::new(context, self.epoch, &mut self.record);
        let outcome = processor.process(audio, ends, &mut sink);
        *failure = sink.into_failure();
        outcome
    }

    /// After a work that was done: its audio belongs to the buffer.
    fn settle(&mut self, work: Work, context: &CallContext<'_>) {
        if !context.model.is_isolated() {
            return;
        }
        if let Work::Chunk(audio) = work {
            let start = self.record.position - audio.len() as u64;
            self.record.replay.remember(start, audio, self.most_kept(context));
        }
        if context.model.metadata().replay == Replay::None {
            self.record.replay.settle(self.record.told.text);
        }
    }

    fn most_kept(&self, context: &CallContext<'_>) -> usize {
        (context.settings.replay_seconds * f64::from(context.model.metadata().sample_rate)) as usize
    }
}

/// An engine's error as its client sees it.
fn explain(call: &str, error: Error) -> Failure {
    let code = match error.code {
        ErrorCode::CAPACITY => FailureCode::Capacity,
        ErrorCode::CONFIG => FailureCode::InvalidOption,
        _ => FailureCode::EngineError,
    };
    let message = match code {
        FailureCode::EngineError => {
            let problem: String = error.message.chars().take(500).collect();
            format!("the engine failed in {call} ({}): {problem}", error.code.name())
        }
        _ => error.message,
    };
    Failure::new(code, message)
}
