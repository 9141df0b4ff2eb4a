//! The turns of a speaker, for protocols that divide the audio into them.
//!
//! Invariants: a turn begins with its first text. It ends where a stage of the preset has found its end, where the client asks for it,
//! after a silence, or with the audio. Without such a stage it ends where the engine reports an endpoint, and if it reports none, each
//! final text is a turn. Each final text is in one turn, in the order of the audio: a turn that a stage or the client has ended is over
//! once a flush has brought the rest of its text. Times are seconds of audio, not of the clock. No I/O.

use crate::words::{Word, words};
use auricle_core::{Event, times::seconds};
use auricle_plugin_api::{Metadata, Segment, Turn, TurnChange, TurnTrigger};
use std::{collections::VecDeque, time::Duration};

/// A turn with so much text ends, in bytes: each message has the whole turn.
const MOST_TEXT: usize = 16 << 10;

/// What happened to a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// It has its first text.
    Started,
    /// It has another text.
    Updated,
    /// It is probably over. [`Resumed`](Self::Resumed) or [`Ended`](Self::Ended) follows.
    Paused,
    /// It goes on.
    Resumed,
    /// Its text is final.
    Ended(Cause),
}

/// Why a turn has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The engine reported an endpoint, or a stage found the end.
    Found,
    /// The client asked for it, or ended the audio.
    Client,
    /// Nothing was said for a time, or the turn is too long.
    Silence,
}

/// A turn, as it is so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct SpeakerTurn {
    /// From 0.
    pub(crate) index: u64,
    /// Where its audio begins, after that of the turn before.
    pub(crate) start: f64,
    /// Where its text ends.
    pub(crate) end: f64,
    /// The final text.
    pub(crate) text: String,
    /// The text after it that may change.
    pub(crate) partial: String,
    /// Those of both texts.
    pub(crate) words: Vec<Word>,
    /// The language that the engine detected last.
    pub(crate) language: Option<String>,
    /// How sure a stage is that the turn is over, 0 to 1, if it says so.
    pub(crate) confidence: Option<f32>,
}

/// The turns of a stream.
#[derive(Debug)]
pub(crate) struct Turns {
    rate: u32,
    /// Between two texts.
    pub(crate) separator: String,
    has_endpoints: bool,
    /// Whether a stage finds the turns.
    has_stage: bool,
    /// The silence after which a turn ends.
    pub(crate) silence: Duration,
    /// The open turn, or else the next one.
    turn: SpeakerTurn,
    is_open: bool,
    /// Whether a stage has found that the turn is probably over.
    is_paused: bool,
    /// Whether a stage has ended a turn whose text is to be asked for.
    lacks_text: bool,
    /// Where the open turn has ended, if it is not known yet whether the end is an answer.
    ended: Option<f64>,
    /// The ends that were asked for and are not answered yet, oldest first.
    asked: VecDeque<Cause>,
}

impl Turns {
    /// Before a session is open.
    pub(crate) fn new(silence: Duration) -> Self {
        Self {
            rate: 16_000,
            separator: " ".to_owned(),
            has_endpoints: false,
            has_stage: false,
            silence,
            turn: SpeakerTurn::default(),
            is_open: false,
            is_paused: false,
            lacks_text: false,
            ended: None,
            asked: VecDeque::new(),
        }
    }

    /// The session is open.
    pub(crate) fn open(&mut self, metadata: &Metadata) {
        self.rate = metadata.sample_rate;
        self.separator.clone_from(&metadata.separator);
        let has = |ability: &str| metadata.capabilities.iter().any(|name| name == ability);
        (self.has_endpoints, self.has_stage) = (has("endpoints"), has("turns"));
    }

    /// Whether the open turn must end: the audio up to `now` is processed, and has no text for a time. Ask for its end then.
    pub(crate) fn is_silent(&self, now: f64) -> bool {
        self.is_open && self.asked.is_empty() && now - self.turn.end >= self.silence.as_secs_f64()
    }

    /// The open turn ends with the next [`Event::Flushed`], which answers a flush.
    pub(crate) fn ask(&mut self, cause: Cause) {
        self.asked.push_back(cause);
    }

    /// Whether a stage has ended a turn since the last call. Ask for the text of all audio so far then: the turn ends with it.
    pub(crate) fn take_flush(&mut self) -> bool {
        std::mem::take(&mut self.lacks_text)
    }

    /// What an event changes.
    pub(crate) fn event(&mut self, event: &Event) -> Vec<(Change, SpeakerTurn)> {
        let mut changes = Vec::new();
        match event {
            Event::Partial(text) => self.partial(text, &mut changes),
            Event::Segment(text) if !text.text_bytes().is_empty() => self.segment(text, &mut changes),
            Event::Turn(turn) if self.has_stage => self.of_stage(turn, &mut changes),
            Event::Endpoint(sample) if self.is_open && !self.has_stage => {
                self.ended = Some(self.time(*sample));
                if self.asked.is_empty() {
                    self.release(&mut changes);
                }
            }
            Event::Flushed(_) => {
                let cause = self.asked.pop_front().unwrap_or(Cause::Client);
                changes.extend(self.end(cause));
            }
            // They say nothing of turns.
            _ => {}
        }
        changes
    }

    /// No more text follows: the open turn ends for the reason that was found or asked for, or because the audio ends.
    pub(crate) fn last(&mut self) -> Option<(Change, SpeakerTurn)> {
        let cause = self.asked.pop_front().unwrap_or(Cause::Client);
        self.end(cause)
    }

    /// The open turn ends for this reason.
    fn end(&mut self, cause: Cause) -> Option<(Change, SpeakerTurn)> {
        if !std::mem::take(&mut self.is_open) {
            return None;
        }
        self.settle();
        self.is_paused = false;
        let end = self.ended.take().map_or(self.turn.end, |end| end.max(self.turn.end));
        self.turn.end = end;
        let next = SpeakerTurn { index: self.turn.index + 1, start: end, end, ..SpeakerTurn::default() };
        Some((Change::Ended(cause), std::mem::replace(&mut self.turn, next)))
    }

    fn of_stage(&mut self, found: &Turn, changes: &mut Vec<(Change, SpeakerTurn)>) {
        let change = match found.change {
            TurnChange::Started => {
                self.is_paused = false;
                self.turn.confidence = None;
                return;
            }
            TurnChange::EagerEnd => Change::Paused,
            TurnChange::Resumed => Change::Resumed,
            // The end by a flush or with the audio is that of all its text, which follows.
            TurnChange::Ended(trigger @ (TurnTrigger::Model | TurnTrigger::Timeout)) => {
                self.turn.confidence = found.confidence;
                self.turn.end = self.turn.end.max(self.time(found.sample));
                self.ask(if trigger == TurnTrigger::Model { Cause::Found } else { Cause::Silence });
                self.lacks_text = true;
                return;
            }
            _ => return,
        };
        self.is_paused = change == Change::Paused;
        self.turn.confidence = found.confidence;
        if self.is_open {
            changes.push((change, self.turn.clone()));
        }
    }

    fn partial(&mut self, text: &Segment, changes: &mut Vec<(Change, SpeakerTurn)>) {
        let is_empty = text.text_bytes().is_empty();
        // Nothing where nothing was.
        if is_empty && self.turn.partial.is_empty() {
            return;
        }
        if !is_empty {
            self.release(changes);
        }
        self.settle();
        self.add(text, false);
        self.told(changes);
    }

    fn segment(&mut self, text: &Segment, changes: &mut Vec<(Change, SpeakerTurn)>) {
        self.release(changes);
        self.settle();
        self.add(text, true);
        let ends = self.turn.text.len() > MOST_TEXT || !(self.has_endpoints || self.has_stage);
        if ends {
            self.ended = Some(self.turn.end);
        }
        if !ends || !self.is_open || !self.asked.is_empty() {
            self.told(changes);
        }
        if self.asked.is_empty() {
            self.release(changes);
        }
    }

    /// Forgets the text that may change.
    fn settle(&mut self) {
        self.turn.partial.clear();
        self.turn.words.retain(|word| word.is_final);
    }

    fn add(&mut self, text: &Segment, is_final: bool) {
        let turn = &mut self.turn;
        if is_final {
            if !turn.text.is_empty() {
                turn.text += &self.separator;
            }
            turn.text += &text.text();
        } else {
            turn.partial = text.text().into_owned();
        }
        turn.words.extend(words(text, self.rate, is_final));
        turn.end = turn.end.max(seconds(text.end, self.rate));
        turn.language = text.language.clone().or(turn.language.take());
    }

    fn told(&mut self, changes: &mut Vec<(Change, SpeakerTurn)>) {
        let change = if self.is_open { Change::Updated } else { Change::Started };
        changes.push((change, self.turn.clone()));
        // Its first text came later than that.
        if !std::mem::replace(&mut self.is_open, true) && self.is_paused {
            changes.push((Change::Paused, self.turn.clone()));
        }
    }

    /// The open turn ends where the engine has said so.
    fn release(&mut self, changes: &mut Vec<(Change, SpeakerTurn)>) {
        if self.ended.is_some() {
            changes.extend(self.end(Cause::Found));
        }
    }

    fn time(&self, sample: u64) -> f64 {
        seconds(sample, self.rate)
    }
}

impl SpeakerTurn {
    /// The final text and that which may change.
    pub(crate) fn whole(&self, separator: &str) -> String {
        let parts: Vec<&str> =
            [self.text.as_str(), &self.partial].into_iter().filter(|text| !text.is_empty()).collect();
        parts.join(separator)
    }
}

#[cfg(test)]
mod tests;
