//! What was said since the last endpoint: tokens, and the words they make.
//!
//! Times are frames of the network, counted from the start of the stream; a [`Clock`] makes them samples.

use crate::{ctc::Token, symbols::Symbols};
use auricle_plugin_api::{Segment, Word};
use serde::{Deserialize, Serialize};

/// An utterance that has not ended.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Utterance {
    /// The frame it began with.
    pub(crate) start: u64,
    pub(crate) tokens: Vec<Token>,
}

/// How frames lie in the stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    /// Sample of the first frame.
    pub(crate) offset: u64,
    /// Samples from one frame to the next.
    pub(crate) step: u64,
    /// Where the audio ends so far: what is heard in the silence that follows it was said before.
    pub(crate) end: u64,
}

impl Clock {
    /// Where a frame begins.
    pub(crate) fn start(&self, frame: u64) -> u64 {
        (self.offset + frame * self.step).min(self.end.saturating_sub(self.step).max(self.offset))
    }

    /// Where the frame before this one ends.
    pub(crate) fn end(&self, frame: u64) -> u64 {
        (self.offset + frame * self.step).min(self.end)
    }
}

impl Utterance {
    /// An utterance that begins at a frame.
    pub(crate) fn at(start: u64) -> Self {
        Self { start, tokens: Vec::new() }
    }

    /// Frames since the last token, of all until `now`.
    pub(crate) fn silence(&self, now: u64) -> u64 {
        now.saturating_sub(self.tokens.last().map_or(self.start, |token| token.end))
    }

    /// All of it; `None` where no token was heard that is part of a word.
    pub(crate) fn segment(&self, symbols: &Symbols, clock: Clock) -> Option<Segment> {
        let words = words(&self.tokens, symbols);
        let (first, last) = (words.first()?, words.last()?);
        let text: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
        let confidence = words.iter().map(Spoken::confidence).sum::<f32>() / words.len() as f32;
        let segment = Segment::new(clock.start(first.start), clock.end(last.end), text.join(" "));
        let words = words.iter().map(|word| {
            Word::new(clock.start(word.start), clock.end(word.end), word.text.as_str()).confidence(word.confidence())
        });
        Some(segment.confidence(confidence).words(words.collect()))
    }
}

/// A word and where it was heard.
struct Spoken {
    text: String,
    start: u64,
    end: u64,
    /// Sum of its tokens' logarithmic probabilities, and how many there are.
    logprobs: f32,
    tokens: u16,
}

impl Spoken {
    /// The geometric mean of the tokens' probabilities: how sure the model is, whatever the length of the word.
    fn confidence(&self) -> f32 {
        (self.logprobs / f32::from(self.tokens)).exp()
    }
}

fn words(tokens: &[Token], symbols: &Symbols) -> Vec<Spoken> {
    let mut words: Vec<Spoken> = Vec::new();
    for token in tokens {
        let (begins, piece) = symbols.piece(token.id as usize);
        let logprob = token.confidence.ln();
        match words.last_mut() {
            Some(word) if !begins => {
                word.text.push_str(piece);
                word.end = token.end;
                word.logprobs += logprob;
                word.tokens = word.tokens.saturating_add(1);
            }
            _ => words.push(Spoken {
                text: piece.to_owned(),
                start: token.start,
                end: token.end,
                logprobs: logprob,
                tokens: 1,
            }),
        }
    }
    words.retain(|word| !word.text.trim().is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(id: u32, start: u64, confidence: f32) -> Token {
        Token { id, start, end: start + 1, confidence }
    }

    fn symbols(text: &str) -> Symbols {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Symbols::read(file.path()).unwrap()
    }

    #[test]
    fn tokens_make_words_with_times_and_confidence() {
        let symbols = symbols("\u{2581}se 0\nven 1\n\u{2581}one 2\n\u{2581} 3\n<blk> 4");
        let clock = Clock { offset: 1_000, step: 640, end: u64::MAX };
        let tokens = vec![token(0, 2, 0.9), token(1, 4, 0.4), token(3, 5, 0.9), token(2, 7, 0.5)];
        let segment = Utterance { start: 0, tokens }.segment(&symbols, clock).unwrap();
        assert_eq!(segment.text(), "seven one");
        assert_eq!((segment.start, segment.end), (1_000 + 2 * 640, 1_000 + 8 * 640));
        let words: Vec<_> = segment.words.iter().map(|word| (word.text().into_owned(), word.start, word.end)).collect();
        assert_eq!(words, [("seven".to_owned(), 2_280, 4_200), ("one".to_owned(), 5_480, 6_120)]);
        assert!((segment.words[0].confidence.unwrap() - 0.6).abs() < 1e-6);
        assert!((segment.confidence.unwrap() - 0.55).abs() < 1e-6);
        assert_eq!(Utterance { start: 0, tokens: vec![token(3, 1, 1.0)] }.segment(&symbols, clock), None);
    }

    #[test]
    fn a_word_told_after_the_end_was_said_before_it() {
        let clock = Clock { offset: 1_000, step: 640, end: 4_000 };
        let segment = Utterance { start: 0, tokens: vec![token(0, 3, 0.9), token(0, 6, 0.9)] };
        let words = segment.segment(&symbols("\u{2581}one 0\n<blk> 1"), clock).unwrap().words;
        let times: Vec<_> = words.iter().map(|word| (word.start, word.end)).collect();
        assert_eq!(times, [(2_920, 3_560), (3_360, 4_000)]);
        assert_eq!(Clock { end: 1_100, ..clock }.start(5), 1_000);
    }

    #[test]
    fn silence_counts_from_the_last_token() {
        assert_eq!(Utterance::at(5).silence(8), 3);
        assert_eq!(Utterance { start: 5, tokens: vec![token(0, 6, 1.0)] }.silence(10), 3);
    }
}
