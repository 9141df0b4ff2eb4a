//! Words become events.
//!
//! Invariants: segments follow one another, each starts no earlier than the last one ended; a partial that is shown is
//! replaced, cleared or made a segment. Threads: one at a time.

use super::{agreement::join, transcript::Word};
use auricle_plugin_api::{Segment, Sink};

/// Where events go: a [`Sink`], or what stands in for one in a test.
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

/// What was told so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Teller {
    /// End of the last segment.
    pub(crate) told: u64,
    /// Whether a partial stands after it.
    shown: bool,
}

impl Teller {
    /// Nothing told from `start` on.
    pub(crate) fn new(start: u64) -> Self {
        Self { told: start, shown: false }
    }

    /// Tells committed words.
    pub(crate) fn segment(
        &mut self,
        words: &[Word],
        separator: &str,
        language: Option<&str>,
        report: &mut impl Report,
    ) {
        if let Some(segment) = self.text(words, separator, language) {
            self.told = segment.end;
            self.shown = false;
            report.segment(&segment);
        }
    }

    /// Tells what follows them and may still change.
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
                report.partial(&Segment::new(self.told, self.told, ""));
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
        let mut after = first.start.max(self.told);
        let mut segment = Segment::new(after, after, text);
        for word in words {
            let mut told = auricle_plugin_api::Word::new(word.start.max(after), word.end.max(after), word.text.trim());
            (told.confidence, after) = (word.probability, told.end);
            segment.words.push(told);
        }
        segment.end = after;
        segment.language = language.map(str::to_owned);
        let sure: Option<f32> = words.iter().map(|word| word.probability).sum();
        segment.confidence = sure.map(|sum| sum / words.len() as f32);
        Some(segment)
    }
}
