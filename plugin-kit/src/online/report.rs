//! Turns words into events.
//!
//! Invariants: a segment never starts before the end of the previous one; a partial is always replaced, cleared or made
//! a segment. Threads: one at a time.

use super::{agreement::join, transcript::Word};
use auricle_plugin_api::{Segment, Sink};

/// Receives the events: a [`Sink`], or a substitute in tests.
pub trait Report {
    /// See [`Sink::partial`].
    fn partial(&mut self, segment: &Segment);
    /// See [`Sink::segment`].
    fn segment(&mut self, segment: &Segment);
    /// See [`Sink::speech_started`].
    fn speech_started(&mut self, sample: u64);
    /// See [`Sink::endpoint`].
    fn endpoint(&mut self, sample: u64);
    /// See [`Sink::restart_point`].
    fn restart_point(&mut self, sample: u64, state: &[u8]);
    /// See [`Sink::cancelled`].
    fn cancelled(&self) -> bool;
}

impl Report for Sink<'_> {
    fn partial(&mut self, segment: &Segment) {
        Sink::partial(self, segment);
    }

    fn segment(&mut self, segment: &Segment) {
        Sink::segment(self, segment);
    }

    fn speech_started(&mut self, sample: u64) {
        Sink::speech_started(self, sample);
    }

    fn endpoint(&mut self, sample: u64) {
        Sink::endpoint(self, sample);
    }

    fn restart_point(&mut self, sample: u64, state: &[u8]) {
        Sink::restart_point(self, sample, state);
    }

    fn cancelled(&self) -> bool {
        Sink::cancelled(self)
    }
}

/// The events reported so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reporter {
    /// End of the last segment.
    pub(crate) reported: u64,
    /// Whether a partial was reported after it.
    shown: bool,
}

impl Reporter {
    /// Starts at `start`, with nothing reported.
    pub(crate) fn new(start: u64) -> Self {
        Self { reported: start, shown: false }
    }

    /// Reports committed words.
    pub(crate) fn segment(
        &mut self,
        words: &[Word],
        separator: &str,
        language: Option<&str>,
        report: &mut impl Report,
    ) {
        if let Some(segment) = self.text(words, separator, language) {
            self.reported = segment.end;
            self.shown = false;
            report.segment(&segment);
        }
    }

    /// Reports the unstable words after them.
    pub(crate) fn partial(
        &mut self,
        words: &[Word],
        separator: &str,
        language: Option<&str>,
        report: &mut impl Report,
    ) {
        match self.text(words, separator, language) {
            Some(partial) => {
                self.shown = true;
                report.partial(&partial);
            }
            None if self.shown => {
                self.shown = false;
                report.partial(&Segment::new(self.reported, self.reported, ""));
            }
            None => (),
        }
    }

    fn text(&self, words: &[Word], separator: &str, language: Option<&str>) -> Option<Segment> {
        let text = join(words, separator);
        let (first, text) = (words.first()?, text.trim());
        if text.is_empty() {
            return None;
        }
        let mut after = first.start.max(self.reported);
        let mut segment = Segment::new(after, after, text);
        for word in words {
            let mut timed = auricle_plugin_api::Word::new(word.start.max(after), word.end.max(after), word.text.trim());
            (timed.confidence, after) = (word.probability, timed.end);
            segment.words.push(timed);
        }
        segment.end = after;
        segment.language = language.map(str::to_owned);
        let sure: Option<f32> = words.iter().map(|word| word.probability).sum();
        segment.confidence = sure.map(|sum| sum / words.len() as f32);
        Some(segment)
    }
}
