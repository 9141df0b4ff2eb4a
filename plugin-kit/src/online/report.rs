//! Turns words into events.
//!
//! Invariants: a segment never starts before the end of the previous one; words do not overlap, and each has a duration
//! above zero if there is audio for it; a partial is always replaced, cleared or made a segment. Threads: one at a time.

use super::{
    agreement::join,
    transcript::{SAMPLE_RATE, Word},
};
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

/// Minimum length of a word: the resolution of Whisper's times.
const SHORTEST: u64 = SAMPLE_RATE as u64 / 50;

/// What words have in common.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) separator: &'a str,
    pub(crate) language: Option<&'a str>,
    /// End of the audio that contains the words.
    pub(crate) end: u64,
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
    pub(crate) fn segment(&mut self, words: &[Word], context: Context<'_>, report: &mut impl Report) {
        if let Some(segment) = self.text(words, context) {
            self.reported = segment.end;
            self.shown = false;
            report.segment(&segment);
        }
    }

    /// Reports the text after the last segment.
    pub(crate) fn partial(&mut self, words: &[Word], context: Context<'_>, report: &mut impl Report) {
        match self.text(words, context) {
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

    fn text(&self, words: &[Word], context: Context<'_>) -> Option<Segment> {
        let text = join(words, context.separator);
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        let times = times(words, self.reported, context.end);
        let mut segment = Segment::new(times.first()?.0, times.last()?.1, text);
        for (word, (start, end)) in words.iter().zip(times) {
            let mut timed = auricle_plugin_api::Word::new(start, end, word.text.trim());
            timed.confidence = word.probability;
            segment.words.push(timed);
        }
        segment.language = context.language.map(str::to_owned);
        let sure: Option<f32> = words.iter().map(|word| word.probability).sum();
        segment.confidence = sure.map(|sum| sum / words.len() as f32);
        Some(segment)
    }
}

/// Start and end of each word: between `from` and `to`, in order, without overlap.
fn times(words: &[Word], from: u64, to: u64) -> Vec<(u64, u64)> {
    let to = to.max(from);
    let shortest = SHORTEST.min((to - from) / words.len().max(1) as u64);
    let (mut after, mut times) = (from, Vec::with_capacity(words.len()));
    for word in words {
        let start = word.start.max(after);
        after = word.end.max(start + shortest);
        times.push((start, after));
    }
    // The last words may be past the end now: they move back, and push the words before them.
    let mut before = to;
    for (start, end) in times.iter_mut().rev() {
        *end = before.min(*end);
        *start = (*start).min(*end - shortest);
        before = *start;
    }
    times
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn placed(places: &[(u64, u64)], from: u64, to: u64) -> Vec<(u64, u64)> {
        let word = |(start, end): &(u64, u64)| Word { start: *start, end: *end, text: "so".into(), probability: None };
        times(&places.iter().map(word).collect::<Vec<_>>(), from, to)
    }

    #[test]
    fn a_word_without_length_gets_one() {
        assert_eq!(placed(&[(1_000, 1_000), (2_000, 3_000)], 0, 9_000), [(1_000, 1_320), (2_000, 3_000)]);
        assert_eq!(
            placed(&[(1_000, 2_000), (2_000, 2_000), (2_000, 3_000)], 0, 9_000)[1..],
            [(2_000, 2_320), (2_320, 3_000)]
        );
        // At the end of the audio the word before makes room.
        assert_eq!(placed(&[(8_000, 9_000), (9_000, 9_000)], 0, 9_000), [(8_000, 8_680), (8_680, 9_000)]);
        // Less room than words need.
        assert_eq!(placed(&[(10, 20), (30, 40)], 100, 110), [(100, 105), (105, 110)]);
    }

    proptest! {
        #[test]
        fn words_follow_one_another_within_the_audio(
            places in prop::collection::vec((0_u64..20_000, 0_u64..20_000), 1..50), from in 0_u64..10_000, long in 50_u64..20_000,
        ) {
            let mut after = from;
            for (start, end) in placed(&places, from, from + long) {
                prop_assert!(after <= start && start < end && end <= from + long);
                after = end;
            }
        }
    }
}
