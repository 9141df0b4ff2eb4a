//! The sink of one engine call: receives the engine's events and checks them before clients see them.
//!
//! It sanitises events where that loses nothing (times outside the audio or out of order, invalid UTF-8, outer white
//! space), with one warning per stream. Endless text or endless events fail the stream.
//!
//! Threads: the model thread that makes the call.

use super::{
    engine_session::CallContext,
    mute::Mute,
    overlap,
    replay::{ReplayBuffer, ReplayFilter, RestartPoint, Sent},
    turns::Turns,
};
use auricle_core::Event;
use auricle_core::{Failure, FailureCode};
use auricle_plugin_api::{Segment, Turn, Word, host::EventSink};
use serde_json::{Map, Value};
use std::sync::Arc;

/// The largest state of a restart point, in bytes.
const MAX_STATE: usize = 1 << 20;

/// The record of a stream's calls, which the next call continues.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// Samples inserted in this epoch.
    pub(super) position: u64,
    /// The last events that were sent.
    pub(super) sent: Sent,
    /// Drops events that a replay repeats.
    pub(super) filter: ReplayFilter,
    /// The audio and restart point for a replacement of the processor.
    pub(super) replay: ReplayBuffer,
    /// The turns that the client was told of.
    pub(super) turns: Turns,
    /// The speech without text.
    pub(super) mute: Mute,
    warned: bool,
}

/// The sink of one call.
pub(super) struct CallSink<'a> {
    context: &'a CallContext<'a>,
    epoch: u32,
    record: &'a mut Record,
    events: usize,
    failure: Option<Failure>,
}

impl<'a> CallSink<'a> {
    pub(super) fn new(context: &'a CallContext<'a>, epoch: u32, record: &'a mut Record) -> Self {
        Self { context, epoch, record, events: 0, failure: None }
    }

    /// The stream's failure, if the engine's events caused one.
    pub(super) fn into_failure(self) -> Option<Failure> {
        self.failure
    }

    fn push(&mut self, event: Event) {
        self.events += 1;
        let most = self.context.settings.max_events_per_call;
        if self.events > most {
            self.fail(format!("the engine reported more than {most} events in one call"));
        }
        if self.failure.is_none() {
            self.context.outbox.push(Some(self.epoch), event);
        }
    }

    /// An event is sent that clients count.
    fn note_sent(&mut self) {
        self.record.replay.note_sent();
        if let Some(points) = self.context.points {
            points.told();
        }
    }

    /// The engine is not mute.
    fn note_text(&mut self, segment: &Segment) {
        if !segment.text_bytes().is_empty() {
            self.record.mute.text(self.record.position);
        }
    }

    fn fail(&mut self, message: String) {
        self.failure.get_or_insert_with(|| Failure::new(FailureCode::EngineError, message));
    }

    fn warn(&mut self, problem: &str) {
        if !self.record.warned {
            tracing::warn!("the engine reports {problem}; this is corrected now and from here on");
            self.record.warned = true;
        }
    }

    /// Limits a time to the audio inserted so far.
    fn time(&mut self, sample: u64) -> u64 {
        if sample > self.record.position {
            self.warn("times beyond the audio it was given");
        }
        sample.min(self.record.position)
    }

    /// The time of an event without text; `None` if the event was sent before.
    fn moment(&mut self, sample: u64) -> Option<u64> {
        if self.record.filter.is_old(sample) {
            return None;
        }
        let sample = self.time(sample);
        self.record.sent.other = sample;
        self.note_sent();
        Some(sample)
    }

    /// Sanitises a text; `None` if it is too long.
    fn text(&mut self, segment: Segment) -> Option<Segment> {
        let most = self.context.settings.max_text_bytes;
        let length = length(&segment);
        if length > most || segment.words.len() > most {
            self.fail(format!("the engine reported a text of {length} bytes; the limit is {most}"));
            return None;
        }
        if std::str::from_utf8(segment.text_bytes()).is_err() {
            self.warn("text that is not UTF-8");
        }
        let earliest = self.record.sent.text;
        if segment.start < earliest || segment.end < segment.start {
            self.warn("texts out of order");
        }
        let start = self.time(segment.start).max(earliest);
        let end = self.time(segment.end).max(start);
        let mut sound = Segment::new(start, end, segment.text().trim());
        (sound.confidence, sound.language, sound.extra) = (segment.confidence, segment.language, segment.extra);
        let mut after = start;
        for word in segment.words {
            let mut copy = Word::new(word.start.clamp(after, end), word.end.clamp(after, end), word.text().trim());
            copy.end = copy.end.max(copy.start);
            after = copy.start;
            (copy.confidence, copy.extra) = (word.confidence, word.extra);
            sound.words.push(copy);
        }
        Some(sound)
    }
}

/// The size of a text with all its fields, in bytes.
fn length(segment: &Segment) -> usize {
    let extra =
        |extra: &Map<String, Value>| if extra.is_empty() { 0 } else { Value::from(extra.clone()).to_string().len() };
    let words = segment.words.iter().map(|word| word.text().len() + extra(&word.extra));
    let language = segment.language.as_ref().map_or(0, String::len);
    segment.text_bytes().len() + language + extra(&segment.extra) + words.sum::<usize>()
}

impl EventSink for CallSink<'_> {
    fn partial(&mut self, segment: Segment) {
        self.note_text(&segment);
        if self.record.filter.is_old_partial(self.record.position) {
            return;
        }
        if let Some(partial) = self.text(segment) {
            self.push(Event::Partial(partial));
        }
    }

    fn segment(&mut self, segment: Segment) {
        self.note_text(&segment);
        if segment.text().trim().is_empty() {
            // Clients do not get it, so a replay does not count it.
            if let Some(segment) = self.text(segment) {
                self.record.sent.text = segment.end;
            }
            return;
        }
        let Some(segment) = self.record.filter.new_part(segment, &self.context.model.metadata().separator) else {
            return;
        };
        let Some(segment) = self.text(segment) else { return };
        self.record.sent.text = segment.end;
        overlap::remember(&mut self.record.sent.last, &segment.text());
        if !segment.text_bytes().is_empty() {
            self.note_sent();
            self.push(Event::Segment(segment));
        }
    }

    fn speech_started(&mut self, sample: u64) {
        self.record.mute.speech(sample.min(self.record.position));
        if let Some(sample) = self.moment(sample) {
            self.push(Event::SpeechStarted(sample));
        }
    }

    fn endpoint(&mut self, sample: u64) {
        self.record.mute.end();
        if let Some(sample) = self.moment(sample) {
            self.push(Event::Endpoint(sample));
        }
    }

    fn turn(&mut self, turn: Turn) {
        let mut turn = turn;
        turn.sample = self.time(turn.sample);
        turn.confidence = turn.confidence.filter(|sure| sure.is_finite()).map(|sure| sure.clamp(0.0, 1.0));
        if let Some(turn) = self.record.turns.tell(turn) {
            self.push(Event::Turn(turn));
        }
    }

    fn restart_point(&mut self, sample: u64, state: &[u8]) {
        if state.len() > MAX_STATE {
            self.warn("a restart point whose state is above 1 MiB (ignored)");
            return;
        }
        // In this process nothing could continue from it: a crash of the engine ends the server.
        let (is_isolated, points) = (self.context.model.is_isolated(), self.context.points);
        if !is_isolated && points.is_none() {
            return;
        }
        let (sample, to_skip, state) = (self.time(sample), self.record.filter.to_skip(), Arc::from(state));
        if let Some(points) = points {
            points.restart(sample, &state, to_skip);
        }
        if is_isolated {
            self.record.replay.restart(RestartPoint { sample, state }, to_skip);
            self.record.turns.point();
        }
    }

    fn cancelled(&self) -> bool {
        self.failure.is_some() || self.context.outbox.is_over(self.epoch)
    }
}
