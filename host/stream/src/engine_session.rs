//! The engine's side of a stream: its processor, the record of its calls, and what is needed to replace the processor.
//!
//! The thread that calls the engine for the stream holds it. Between calls it is parked in the stream. If a processor
//! died with its worker, the next work creates another one, which continues from the last restart point (see `replay`).

use super::{
    StreamSettings,
    call::{CallSink, Record},
    inbox::Work,
    model::{BatchEntry, CallError, Death, Model, Processor},
    mute::Mute,
    outbox::Outbox,
    overlap,
    point::{Continuation, Points},
    replay::{Origin, ReplayFilter, Sent},
};
use auricle_core::Event;
use auricle_core::{Failure, FailureCode};
use auricle_plugin_api::{Error, ErrorCode, Replay};
use serde_json::{Map, Value};

/// A stream's processor with the record of its calls. The first work creates the processor.
#[derive(Default)]
pub(super) struct EngineSession {
    processor: Option<Box<dyn Processor>>,
    /// Whether the processor was started in this epoch. If so, a replacement must continue where it stopped.
    started: bool,
    pub(super) epoch: u32,
    record: Record,
    /// If another process began the stream.
    continuation: Option<Continuation>,
    /// The position, as epoch and sample, at which the engine last died on this stream, and how often since it last made
    /// progress.
    struck: Option<((u32, u64), u32)>,
}

/// The parts of a stream that a call needs.
pub(super) struct CallContext<'a> {
    pub(super) id: &'a str,
    pub(super) model: &'a dyn Model,
    pub(super) options: &'a Map<String, Value>,
    pub(super) settings: &'a StreamSettings,
    pub(super) outbox: &'a Outbox,
    /// If the stream wants them.
    pub(super) points: Option<&'a Points>,
}

/// Whether the stream continues after a piece of work.
pub(super) enum Next {
    GoesOn,
    Done,
}

/// What follows after a piece of audio.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    More,
    Flush,
    End,
}

/// Why a piece of work failed.
pub(super) enum StepError {
    /// The stream ends.
    Failed(Failure),
    /// The worker died during it. The work can be repeated.
    Died(Death, Work),
}

/// The name of the main engine call of a piece of work, for messages.
pub(super) fn call_name(work: &Work) -> &'static str {
    match work {
        Work::Open => "processor",
        Work::Chunk(_) => "process_iter",
        Work::Flush(..) | Work::Finish(_) => "finish",
        Work::EndTurn => "end_turn",
        Work::Reset(_) => "init",
    }
}

impl EngineSession {
    /// The engine's side of a stream that another process began.
    pub(super) fn continuing(continuation: Continuation) -> Self {
        Self { epoch: continuation.point.epoch, continuation: Some(continuation), ..Self::default() }
    }

    /// The number of samples inserted in this epoch.
    pub(super) fn position(&self) -> u64 {
        self.record.position
    }

    /// Records that the engine died on this stream. Returns how often it has died since it last made progress.
    pub(super) fn strike(&mut self) -> u32 {
        let now = (self.epoch, self.record.position);
        let before = self.struck.filter(|(before, _)| now <= *before);
        let times = before.map_or(1, |(_, times)| times + 1);
        self.struck = Some((now, times));
        times
    }

    /// Does a piece of work. The engine's events go to the outbox immediately.
    pub(super) fn perform(&mut self, work: Work, context: &CallContext<'_>) -> Result<Next, StepError> {
        let mut failure = None;
        let start = self.record.position;
        let outcome = self
            .ensure_processor(&work, context, &mut failure)
            .and_then(|()| self.call(&work, context, start, &mut failure));
        if matches!(outcome, Err(CallError::Died(_))) {
            self.record.position = start;
        }
        self.conclude(work, context, outcome, failure)
    }

    /// Whether this work can be batched with that of other streams: full chunks, and ends if the model supports them.
    /// Not if a processor must be created first.
    pub(super) fn joins(&self, work: &Work, model: &dyn Model) -> bool {
        let suited = work.batchable().is_some_and(|(_, ends)| !ends || model.metadata().ends_in_batch);
        suited && self.processor.as_ref().is_some_and(|processor| !processor.is_dead())
    }

    /// Like [`perform`](Self::perform), for several streams in one call. Each must satisfy [`joins`](Self::joins).
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
                outcome: Err(CallError::Unavailable("it was not processed".into())),
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
                let ends = !matches!(work, Work::Chunk(_));
                self.settle(work, context);
                if !ends && failure.is_none() {
                    self.restart_if_mute(context);
                }
                failure.map_or(Ok(next), |failure| Err(StepError::Failed(failure)))
            }
            Err(CallError::Engine(error)) => Err(StepError::Failed(explain(call_name(&work), error))),
            Err(CallError::Died(death)) => Err(StepError::Died(death, work)),
            Err(CallError::Unavailable(reason)) => {
                let failure = Failure::new(FailureCode::EngineUnavailable, "the engine has no worker process");
                Err(StepError::Failed(failure.with_detail(reason)))
            }
            Err(CallError::Failed(failure)) => Err(StepError::Failed(failure)),
        }
    }

    /// Makes sure that there is a processor for this work. Replaces one that died, and replays the audio to it.
    fn ensure_processor(
        &mut self,
        work: &Work,
        context: &CallContext<'_>,
        failure: &mut Option<Failure>,
    ) -> Result<(), CallError> {
        if self.processor.as_ref().is_some_and(|processor| !processor.is_dead()) {
            return Ok(());
        }
        self.processor = None;
        let continues = self.started && !matches!(work, Work::Open | Work::Reset(_));
        let CallContext { id, model, options, settings, .. } = context;
        let processor = self.processor.insert(model.processor_for(id, options, settings.pace, continues)?);
        if !continues {
            return Ok(());
        }
        let metadata = context.model.metadata();
        let plan = self.record.replay.plan(metadata.replay, self.record.sent.clone(), u64::from(metadata.sample_rate));
        tracing::info!(from = plan.origin.sample(), "continuing with a new processor");
        let started = match &plan.origin {
            Origin::Start(sample) => processor.init(*sample),
            Origin::Restart(point) => processor.restore(point.sample, &point.state),
        };
        if let Some((from, to)) = plan.gap {
            tracing::warn!(
                from,
                to,
                "audio is lost: more than `limits.replay_seconds` would have to be processed again"
            );
            context.outbox.push(Some(self.epoch), Event::Gap(from, to));
        }
        self.record.position = plan.origin.sample();
        self.record.turns.replay(plan.filter.is_exact());
        self.record.filter = plan.filter;
        let mut outcome = started;
        let mut turn_ends = plan.turn_ends;
        for (start, piece) in plan.audio {
            while let Some(end) = turn_ends.front().copied().filter(|end| *end <= start) {
                turn_ends.pop_front();
                outcome = self.repeat_turn_end(end, outcome, context, failure);
            }
            if outcome.is_ok() && failure.is_none() {
                outcome = self.process(&piece, Then::More, context, failure);
            }
            // Also the audio that was not processed: the next processor will process it.
            self.record.replay.remember(start, piece, self.most_kept(context));
        }
        for end in turn_ends {
            outcome = self.repeat_turn_end(end, outcome, context, failure);
        }
        outcome
    }

    /// During a replay: the client ended a turn here. The next processor repeats it, too.
    fn repeat_turn_end(
        &mut self,
        end: u64,
        outcome: Result<(), CallError>,
        context: &CallContext<'_>,
        failure: &mut Option<Failure>,
    ) -> Result<(), CallError> {
        let goes_on = outcome.is_ok() && failure.is_none();
        let outcome = if goes_on { self.end_turn(context, failure) } else { outcome };
        self.record.replay.note_turn_end(end);
        outcome
    }

    fn end_turn(&mut self, context: &CallContext<'_>, failure: &mut Option<Failure>) -> Result<(), CallError> {
        let Some(processor) = &mut self.processor else { return Ok(()) };
        let mut sink = CallSink::new(context, self.epoch, &mut self.record);
        let outcome = processor.end_turn(&mut sink);
        *failure = sink.into_failure();
        outcome
    }

    /// Does the work, whose audio begins at `start`. If the engine reported a restart point within this audio before it
    /// died, the audio before that point is not processed again.
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
        let processed = self.record.position.saturating_sub(start) as usize;
        let from = |audio: &[f32]| processed.min(audio.len());
        match work {
            Work::Open if self.continuation.is_some() => self.continue_from(context)?,
            Work::Open => {
                self.start(0)?;
                context.outbox.push(Some(self.epoch), Event::Ready { epoch: self.epoch });
            }
            Work::Chunk(audio) => self.process(&audio[from(audio)..], Then::More, context, failure)?,
            Work::Flush(rest, frames) => {
                self.process(&rest[from(rest)..], Then::Flush, context, failure)?;
                if failure.is_none() {
                    self.start(self.record.position)?;
                    if let Some(points) = context.points {
                        points.flushed(self.record.position, *frames);
                    }
                    context.outbox.push(Some(self.epoch), Event::Flushed(*frames));
                }
            }
            Work::EndTurn => self.end_turn(context, failure)?,
            Work::Finish(rest) => {
                self.process(&rest[from(rest)..], Then::End, context, failure)?;
                return Ok(Next::Done);
            }
            Work::Reset(next) => {
                self.record = Record::default();
                self.epoch = *next;
                self.start(0)?;
                if let Some(points) = context.points {
                    points.epoch(*next);
                }
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
        self.record.turns.point();
        self.record.mute = Mute::default();
        Ok(())
    }

    /// Starts the processor where another process left the stream.
    fn continue_from(&mut self, context: &CallContext<'_>) -> Result<(), CallError> {
        let (Some(continuation), Some(processor)) = (self.continuation.take(), &mut self.processor) else {
            return Ok(());
        };
        let mut origin = continuation.origin();
        let mut repeats = continuation.is_exact;
        let second = u64::from(context.model.metadata().sample_rate);
        if let Origin::Restart(point) = &origin
            && let Err(CallError::Engine(problem)) = processor.restore(point.sample, &point.state)
        {
            tracing::warn!("the engine does not accept its stored state, and is started anew there: {problem}");
            (origin, repeats) = (Origin::Start(point.sample), false);
        }
        if let Origin::Start(sample) = origin {
            processor.init(sample)?;
        }
        let Continuation { point, told, text_end, event_time, text, .. } = continuation;
        let later = |sample: u64, by: u64| if sample == 0 { 0 } else { sample + by };
        let mut last = Vec::new();
        overlap::remember(&mut last, &text);
        // Of other events, the times change a little with a new start; none follows another so soon.
        let (text, other) = (later(text_end, second / 1_000 + 1), later(event_time, second / 10));
        let told_before = Sent { text, other, last: last.clone() };
        let skip = repeats.then(|| told.saturating_sub(point.told) as usize);
        self.started = true;
        self.record.position = point.sample;
        // An exact engine's own times are better.
        self.record.sent = if repeats { Sent::default() } else { Sent { text: text_end, other: event_time, last } };
        self.record.filter = ReplayFilter::of_continuation(skip, told_before, second);
        self.record.replay.continued(origin, skip.unwrap_or(0));
        Ok(())
    }

    fn process(
        &mut self,
        audio: &[f32],
        then: Then,
        context: &CallContext<'_>,
        failure: &mut Option<Failure>,
    ) -> Result<(), CallError> {
        let Some(processor) = &mut self.processor else { return Ok(()) };
        if audio.is_empty() && then == Then::More {
            return Ok(());
        }
        self.record.position += audio.len() as u64;
        let mut sink = CallSink::new(context, self.epoch, &mut self.record);
        let outcome = match then {
            Then::More => processor.process(audio, false, &mut sink),
            Then::Flush => processor.process(audio, true, &mut sink),
            Then::End => processor.finish(audio, &mut sink),
        };
        *failure = sink.into_failure();
        outcome
    }

    /// After successful work: keeps its audio for a replay.
    fn settle(&mut self, work: Work, context: &CallContext<'_>) {
        let metadata = context.model.metadata();
        if let Some(points) = context.points.filter(|_| metadata.replay == Replay::None) {
            points.settle(self.record.sent.text, metadata);
        }
        if !context.model.is_isolated() {
            return;
        }
        match work {
            Work::Chunk(audio) => {
                let start = self.record.position - audio.len() as u64;
                self.record.replay.remember(start, audio, self.most_kept(context));
            }
            Work::EndTurn => self.record.replay.note_turn_end(self.record.position),
            _ => {}
        }
        if metadata.replay == Replay::None {
            self.record.replay.settle(self.record.sent.text);
        }
    }

    /// Drops a processor that reported no text for too much speech. The next work starts another one at the last restart
    /// point, without its state, which may be the cause.
    fn restart_if_mute(&mut self, context: &CallContext<'_>) {
        let Some(most) = context.settings.mute_seconds.filter(|_| context.model.is_isolated()) else { return };
        let length = self.record.mute.length(self.record.position);
        let seconds = length as f64 / f64::from(context.model.metadata().sample_rate);
        if seconds < most {
            return;
        }
        let sample = self.record.replay.start_anew();
        tracing::warn!(from = sample, "the engine reported no text for {seconds:.1} s of speech, and is started anew");
        self.processor = None;
        self.record.mute.restarted(self.record.position);
        if let Some(points) = context.points {
            points.start_anew(sample);
        }
        context.outbox.push(Some(self.epoch), Event::Restarted(sample));
    }

    fn most_kept(&self, context: &CallContext<'_>) -> usize {
        (context.settings.replay_seconds * f64::from(context.model.metadata().sample_rate)) as usize
    }
}

/// Converts an engine's error to a failure. What an engine says of a configuration or of its capacity is for the client;
/// other errors may name files and the places of panics.
fn explain(call: &str, error: Error) -> Failure {
    let code = match error.code {
        ErrorCode::CAPACITY => FailureCode::Capacity,
        ErrorCode::CONFIG => FailureCode::InvalidOption,
        ErrorCode::STAGE => {
            let (stage, problem) = error.message.split_once(": ").unwrap_or((&error.message, ""));
            let problem: String = problem.chars().take(500).collect();
            return Failure::new(FailureCode::EngineError, stage).with_detail(problem);
        }
        _ => {
            let problem: String = error.message.chars().take(500).collect();
            return Failure::new(FailureCode::EngineError, format!("the engine failed in {call}"))
                .with_detail(format!("{}: {problem}", error.code.name()));
        }
    };
    Failure::new(code, error.message)
}
