//! The sink of one call into an engine: makes of the engine's word what clients may rely on.
//!
//! Nonsense is put right where that loses nothing (times outside the audio or out of order, invalid UTF-8, outer white
//! space), with one warning a stream; what cannot be (endless text, endless events) becomes the stream's failure.

use super::{
    engine_session::CallContext,
    replay::{ReplayBuffer, ReplayFilter, RestartPoint, Told},
};
use auricle_core::Event;
use auricle_core::{Failure, FailureCode};
use auricle_plugin_api::{Segment, Word, host::EventSink};
use serde_json::{Map, Value};

/// The largest state of a restart point.
const MAX_STATE: usize = 1 << 20;

/// What a stream's calls leave behind for the next one.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// Samples inserted in this epoch.
    pub(super) position: u64,
    /// Up to where things were told.
    pub(super) told: Told,
    /// What comes again after a recovery.
    pub(super) filter: ReplayFilter,
    /// What a fresh processor would need.
    pub(super) replay: ReplayBuffer,
    warned: bool,
}

/// Takes the events of one call.
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

    /// Why the stream cannot go on after what the engine said, if so.
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

    fn fail(&mut self, message: String) {
        self.failure.get_or_insert_with(|| Failure::new(FailureCode::EngineError, message));
    }

    fn warn(&mut self, problem: &str) {
        if !self.record.warned {
            tracing::warn!("the engine reports {problem}; put right, here and from now on");
            self.record.warned = true;
        }
    }

    /// A time within the audio heard.
    fn time(&mut self, sample: u64) -> u64 {
        if sample > self.record.position {
            self.warn("times beyond the audio it was given");
        }
        sample.min(self.record.position)
    }

    /// When an event that is not a text was, unless it was told before.
    fn moment(&mut self, sample: u64) -> Option<u64> {
        if self.record.filter.is_old(sample) {
            return None;
        }
        let sample = self.time(sample);
        self.record.told.other = sample;
        self.record.replay.tell();
        Some(sample)
    }

    /// A text as a client may see it; `None` where it is too long.
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
        let earliest = self.record.told.text;
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

/// Bytes of all that a text says.
fn length(segment: &Segment) -> usize {
    let extra =
        |extra: &Map<String, Value>| if extra.is_empty() { 0 } else { Value::from(extra.clone()).to_string().len() };
    let words = segment.words.iter().map(|word| word.text().len() + extra(&word.extra));
    let language = segment.language.as_ref().map_or(0, String::len);
    segment.text_bytes().len() + language + extra(&segment.extra) + words.sum::<usize>()
}

impl EventSink for CallSink<'_> {
    fn partial(&mut self, segment: Segment) {
        if self.record.filter.is_old_partial(self.record.position) {
            return;
        }
        if let Some(partial) = self.text(segment) {
            self.push(Event::Partial(partial));
        }
    }

    fn segment(&mut self, segment: Segment) {
        let Some(segment) = self.record.filter.new_part(segment, &self.context.model.metadata().separator) else {
            return;
        };
        let Some(segment) = self.text(segment) else { return };
        self.record.told.text = segment.end;
        self.record.replay.tell();
        if !segment.text_bytes().is_empty() {
            self.push(Event::Segment(segment));
        }
    }

    fn speech_started(&mut self, sample: u64) {
        if let Some(sample) = self.moment(sample) {
            self.push(Event::SpeechStarted(sample));
        }
    }

    fn endpoint(&mut self, sample: u64) {
        if let Some(sample) = self.moment(sample) {
            self.push(Event::Endpoint(sample));
        }
    }

    fn restart_point(&mut self, sample: u64, state: &[u8]) {
        if state.len() > MAX_STATE {
            self.warn("a restart point whose state is above 1 MiB (ignored)");
            return;
        }
        // In this process there will be nobody to go on from it.
        if !self.context.model.is_isolated() {
            return;
        }
        let sample = self.time(sample);
        let point = RestartPoint { sample, state: state.to_vec() };
        self.record.replay.restart(point, self.record.filter.untold());
    }

    fn cancelled(&self) -> bool {
        self.failure.is_some() || self.context.outbox.is_over(self.epoch)
    }
}
