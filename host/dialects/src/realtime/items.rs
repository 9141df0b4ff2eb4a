//! The items of a session: parts of the audio, each with its text.
//!
//! Invariants: an item that is committed is completed once, or failed. Its transcript is the sequence of its deltas, and
//! every text is in one item, in the order of the audio, unless the client clears it. If a stage finds the turns, an item is a turn, and
//! is complete once a flush has brought the rest of its text. Times are seconds from the start of the audio. No I/O.

use super::{
    config::Config,
    messages::{Language, ServerEvent, Shape},
};
use crate::openai::{Problem, Transcript, Usage};
use auricle_core::{Event, Failure, FailureCode};
use auricle_plugin_api::{Metadata, Segment, Turn, TurnChange, TurnTrigger};
use std::{collections::VecDeque, sync::Arc};

/// The shortest audio that may be committed, in seconds.
const LEAST: f64 = 0.1;
/// An item with so much text is ended by the server, in bytes.
const MOST_TEXT: usize = 256 << 10;

/// The items of a session.
#[derive(Debug)]
pub(super) struct Items {
    /// What the ids of items begin with.
    prefix: String,
    count: u64,
    /// How items are told.
    pub(super) shape: Shape,
    metadata: Metadata,
    /// Where the audio of the open stream begins.
    base: f64,
    /// Where the audio begins that is in no item yet.
    begin: f64,
    /// What the client has committed or cleared and whose text is not complete, oldest first.
    waiting: VecDeque<Waiting>,
    /// The item of the audio after those, if anything was told of it.
    open: Option<Item>,
    /// The id of the last committed item.
    previous: Option<String>,
    /// Whether an item was ended whose text is to be asked for.
    lacks_text: bool,
}

#[derive(Debug)]
struct Item {
    id: String,
    start: f64,
    transcript: Transcript,
    /// The size of its text in bytes.
    size: usize,
    /// Whether `speech_started` was sent.
    is_spoken: bool,
}

#[derive(Debug)]
enum Waiting {
    /// The item and its length.
    Committed(Item, f64),
    Cleared,
}

impl Items {
    pub(super) fn new(prefix: String) -> Self {
        Self {
            prefix,
            count: 0,
            shape: Shape::default(),
            metadata: Metadata::new(16_000, 1_600),
            base: 0.0,
            begin: 0.0,
            waiting: VecDeque::new(),
            open: None,
            previous: None,
            lacks_text: false,
        }
    }

    /// A stream is open, whose audio begins at `base`.
    pub(super) fn open(&mut self, metadata: &Metadata, base: f64) {
        self.metadata = metadata.clone();
        self.base = base;
    }

    /// Whether a stage finds the turns.
    pub(super) fn has_stage(&self) -> bool {
        self.has("turns")
    }

    fn has(&self, ability: &str) -> bool {
        self.metadata.capabilities.iter().any(|name| name == ability)
    }

    /// Whether a stage has ended an item since the last call. Ask for the text of all audio so far then.
    pub(super) fn take_flush(&mut self) -> bool {
        std::mem::take(&mut self.lacks_text)
    }

    /// The messages for an event of the stream.
    pub(super) fn event(&mut self, event: &Event, config: &Config) -> Vec<ServerEvent> {
        let mut out = Vec::new();
        // What the client has committed ends where the client said.
        let detects = config.detects_turns() && self.waiting.is_empty();
        let (by_stage, detects) = (detects && self.has_stage(), detects && !self.has_stage());
        match event {
            Event::Turn(turn) if by_stage => self.turn(turn, &mut out),
            Event::SpeechStarted(sample) if detects => self.start(self.time(*sample), &mut out),
            Event::Partial(text) if detects && !text.text_bytes().is_empty() => {
                self.start(self.time(text.start), &mut out);
            }
            Event::Segment(text) if !text.text_bytes().is_empty() => self.text(text, detects, config, &mut out),
            Event::Endpoint(sample) if detects => self.stop(self.time(*sample), config, &mut out),
            Event::Flushed(_) => self.settle(config, &mut out),
            // The protocol has no messages for these.
            _ => {}
        }
        out
    }

    /// The audio up to `now` is an item.
    ///
    /// # Errors
    /// There is too little audio.
    pub(super) fn commit(&mut self, now: f64) -> Result<Vec<ServerEvent>, Problem> {
        let length = (now - self.begin).max(0.0);
        // Rounding must not refuse what has exactly this length.
        if length < LEAST - 1e-6 {
            let message = format!(
                "there are {:.2} ms of audio to commit: at least {:.0} ms are needed",
                length * 1000.0,
                LEAST * 1000.0
            );
            let failure = Failure::new(FailureCode::BadMessage, message);
            return Err(Problem { failure, param: None, code: Some("input_audio_buffer_commit_empty") });
        }
        let item = self.open.take().unwrap_or_else(|| self.item(self.begin));
        let mut out = Vec::new();
        self.told(&item, &mut out);
        self.waiting.push_back(Waiting::Committed(item, length));
        self.begin = now;
        Ok(out)
    }

    /// The audio up to `now` that is in no item is dropped. Returns whether there is any.
    pub(super) fn clear(&mut self, now: f64) -> bool {
        let any = now > self.begin;
        if any {
            self.open = None;
            self.begin = now;
            self.waiting.push_back(Waiting::Cleared);
        }
        any
    }

    /// All text of the oldest audio that the client has committed or cleared is there.
    pub(super) fn settle(&mut self, config: &Config, out: &mut Vec<ServerEvent>) {
        if let Some(Waiting::Committed(item, length)) = self.waiting.pop_front() {
            out.push(completed(item, length, config));
        }
    }

    /// No more audio follows, and all text up to `now` is there. The last item ends.
    pub(super) fn end(&mut self, now: f64, config: &Config) -> Vec<ServerEvent> {
        let mut out = Vec::new();
        while !self.waiting.is_empty() {
            self.settle(config, &mut out);
        }
        self.stop(now, config, &mut out);
        out
    }

    /// No more text follows. The items that are not complete have failed.
    pub(super) fn fail(&mut self, problem: &Problem) -> Vec<ServerEvent> {
        let committed = self.waiting.drain(..).filter_map(|waiting| match waiting {
            Waiting::Committed(item, _) => Some(item),
            Waiting::Cleared => None,
        });
        committed.chain(self.open.take()).map(|item| ServerEvent::failed(item.id, problem)).collect()
    }

    /// Adds final text to its item.
    fn text(&mut self, text: &Segment, detects: bool, config: &Config, out: &mut Vec<ServerEvent>) {
        if detects {
            self.start(self.time(text.start), out);
        }
        let item = match self.waiting.front_mut() {
            Some(Waiting::Cleared) => return,
            Some(Waiting::Committed(item, _)) => item,
            None => {
                if self.open.is_none() {
                    self.open = Some(self.item(self.begin));
                }
                let Some(item) = &mut self.open else { return };
                item
            }
        };
        let told = item.transcript.len();
        let Some(delta) = item.transcript.add(&Event::Segment(text.clone())) else { return };
        item.size += delta.len();
        let is_full = item.size > MOST_TEXT;
        let logprobs = config.logprobs.then(|| item.transcript.logprobs(told));
        out.push(ServerEvent::Delta { item_id: item.id.clone(), content_index: 0, delta, logprobs });
        let has_endpoints = self.has("endpoints");
        if self.waiting.is_empty() && (is_full || detects && !has_endpoints) {
            self.stop(self.time(text.end), config, out);
        }
    }

    /// A stage has found something.
    fn turn(&mut self, turn: &Turn, out: &mut Vec<ServerEvent>) {
        let time = self.time(turn.sample);
        match turn.change {
            TurnChange::Started => self.start(time, out),
            // What a flush or the end of the audio ends was committed, or ends with the last text.
            TurnChange::Ended(TurnTrigger::Model | TurnTrigger::Timeout) => {
                let Some(item) = self.open.take() else { return };
                let end = time.max(item.start);
                self.stopped(&item, end, out);
                self.told(&item, out);
                self.begin = self.begin.max(end);
                let length = end - item.start;
                self.waiting.push_back(Waiting::Committed(item, length));
                self.lacks_text = true;
            }
            _ => {}
        }
    }

    fn stopped(&self, item: &Item, end: f64, out: &mut Vec<ServerEvent>) {
        if item.is_spoken {
            out.push(ServerEvent::SpeechStopped { audio_end_ms: millis(end), item_id: item.id.clone() });
        }
    }

    /// Speech begins, unless an item is open already.
    fn start(&mut self, start: f64, out: &mut Vec<ServerEvent>) {
        if self.open.is_none() {
            let item = Item { is_spoken: true, ..self.item(start.max(self.begin)) };
            let (audio_start_ms, item_id) = (millis(item.start), item.id.clone());
            out.push(ServerEvent::SpeechStarted { audio_start_ms, item_id });
            self.open = Some(item);
        }
    }

    /// The open item ends and is complete.
    fn stop(&mut self, end: f64, config: &Config, out: &mut Vec<ServerEvent>) {
        let Some(item) = self.open.take() else { return };
        let end = end.max(item.start);
        self.stopped(&item, end, out);
        self.told(&item, out);
        let length = end - item.start;
        out.push(completed(item, length, config));
        self.begin = self.begin.max(end);
    }

    /// Tells of a committed item.
    fn told(&mut self, item: &Item, out: &mut Vec<ServerEvent>) {
        let previous = self.previous.replace(item.id.clone());
        out.push(ServerEvent::Committed { previous_item_id: previous.clone(), item_id: item.id.clone() });
        out.extend(ServerEvent::item(self.shape, &item.id, previous));
    }

    fn item(&mut self, start: f64) -> Item {
        self.count += 1;
        let id = format!("item_{}{:06}", self.prefix, self.count);
        let transcript = Transcript::new(&self.metadata, Arc::default());
        Item { id, start, transcript, size: 0, is_spoken: false }
    }

    fn time(&self, sample: u64) -> f64 {
        self.base + sample as f64 / f64::from(self.metadata.sample_rate)
    }
}

fn completed(item: Item, length: f64, config: &Config) -> ServerEvent {
    let Item { id, transcript, .. } = item;
    let languages = transcript.language().map(|code| Language { code: code.to_owned() });
    ServerEvent::Completed {
        item_id: id,
        content_index: 0,
        transcript: transcript.text(),
        usage: Usage::new((length * 1000.0).round() / 1000.0),
        logprobs: config.logprobs.then(|| transcript.logprobs(0)),
        languages: languages.into_iter().collect(),
    }
}

fn millis(seconds: f64) -> u64 {
    (seconds * 1000.0).round() as u64
}

#[cfg(test)]
mod tests;
