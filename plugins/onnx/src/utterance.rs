//! The text since the last endpoint: tokens, and the words that they form.
//!
//! A word begins with its mark; each character of a script without spaces is a word. Times are frames of the network,
//! counted from the start of the stream; a [`Clock`] converts them to samples.

use crate::{
    symbols::{Symbols, is_ideographic},
    token::Token,
};
use auricle_plugin_api::{Segment, Word};
use serde_json::{Value, json};

/// The position of frames in the stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    /// The sample of the first frame.
    pub(crate) offset: u64,
    /// Number of samples between two frames.
    pub(crate) step: u64,
    /// The end of the audio so far: tokens in the silence after it belong before it.
    pub(crate) end: u64,
}

impl Clock {
    /// The start of a frame.
    pub(crate) fn start(&self, frame: u64) -> u64 {
        (self.offset + frame * self.step).min(self.end.saturating_sub(self.step).max(self.offset))
    }

    /// The end of the previous frame.
    pub(crate) fn end(&self, frame: u64) -> u64 {
        (self.offset + frame * self.step).min(self.end)
    }
}

/// The text of all tokens; `None` if none of them is part of a word.
pub(crate) fn segment(tokens: &[Token], symbols: &Symbols, clock: Clock) -> Option<Segment> {
    let words = words(tokens, symbols);
    let (first, last) = (words.first()?, words.last()?);
    let confidence = words.iter().map(Spoken::confidence).sum::<f32>() / words.len() as f32;
    let segment = Segment::new(clock.start(first.start), clock.end(last.end), text(&words));
    let words = words.iter().map(|word| {
        Word::new(clock.start(word.start), clock.end(word.end), word.text.as_str()).confidence(word.confidence())
    });
    Some(segment.confidence(confidence).words(words.collect()))
}

/// The tokens as a list: symbol, start, end and confidence of each.
pub(crate) fn listed(tokens: &[Token], symbols: &Symbols, clock: Clock) -> Value {
    let listed = tokens.iter().map(|token| {
        json!([symbols.symbol(token.id), clock.start(token.start), clock.end(token.end), token.confidence])
    });
    listed.collect()
}

/// A word with its times.
struct Spoken {
    /// Whether there is a space before it.
    apart: bool,
    text: String,
    start: u64,
    end: u64,
    /// Sum of its tokens' logarithmic probabilities, and their number.
    logprobs: f32,
    tokens: u16,
}

impl Spoken {
    /// The confidence: the geometric mean of the tokens' probabilities, which does not depend on the word's length.
    fn confidence(&self) -> f32 {
        (self.logprobs / f32::from(self.tokens)).exp()
    }

    fn is_ideograph(&self) -> bool {
        self.text.chars().all(is_ideographic)
    }
}

fn text(words: &[Spoken]) -> String {
    let mut text = String::new();
    let mut ideograph = true;
    for word in words {
        let before = std::mem::replace(&mut ideograph, word.is_ideograph());
        if word.apart && !text.is_empty() && !(before && ideograph) {
            text.push(' ');
        }
        text.push_str(&word.text);
    }
    text
}

fn words(tokens: &[Token], symbols: &Symbols) -> Vec<Spoken> {
    let mut words: Vec<(Spoken, Vec<u8>)> = Vec::new();
    for token in tokens {
        let Some(piece) = symbols.piece(token.id) else { continue };
        let logprob = token.confidence.ln();
        let alone = is_ideograph(&piece.text);
        match words.last_mut() {
            Some((word, text)) if !piece.begins && (!alone || text.is_empty()) && !is_ideograph(text) => {
                text.extend_from_slice(&piece.text);
                word.end = token.end;
                word.logprobs += logprob;
                word.tokens = word.tokens.saturating_add(1);
            }
            _ => {
                let (apart, start, end) = (piece.begins, token.start, token.end);
                let word = Spoken { apart, text: String::new(), start, end, logprobs: logprob, tokens: 1 };
                words.push((word, piece.text.clone()));
            }
        }
    }
    let words = words.into_iter().map(|(word, bytes)| Spoken { text: valid(&bytes), ..word });
    words.filter(|word| !word.text.trim().is_empty()).collect()
}

fn is_ideograph(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| !text.is_empty() && text.chars().all(is_ideographic))
}

/// The valid text in the bytes: the last character may be incomplete.
fn valid(bytes: &[u8]) -> String {
    bytes.utf8_chunks().map(|chunk| chunk.valid()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment_of(tokens: &[Token], symbols: &str, clock: Clock) -> Option<Segment> {
        segment(tokens, &Symbols::parse(symbols).unwrap(), clock)
    }

    fn token(id: u32, start: u64, confidence: f32) -> Token {
        Token { id, start, end: start + 1, confidence }
    }

    #[test]
    fn tokens_make_words_with_times_and_confidence() {
        let symbols = "\u{2581}se 0\nven 1\n\u{2581}one 2\n\u{2581} 3\n<blk> 4";
        let clock = Clock { offset: 1_000, step: 640, end: u64::MAX };
        let tokens = vec![token(0, 2, 0.9), token(1, 4, 0.4), token(3, 5, 0.9), token(2, 7, 0.5)];
        let segment = segment_of(&tokens, symbols, clock).unwrap();
        assert_eq!(segment.text(), "seven one");
        assert_eq!((segment.start, segment.end), (1_000 + 2 * 640, 1_000 + 8 * 640));
        let words: Vec<_> = segment.words.iter().map(|word| (word.text().into_owned(), word.start, word.end)).collect();
        assert_eq!(words, [("seven".to_owned(), 2_280, 4_200), ("one".to_owned(), 5_480, 6_120)]);
        assert!((segment.words[0].confidence.unwrap() - 0.6).abs() < 1e-6);
        assert!((segment.confidence.unwrap() - 0.55).abs() < 1e-6);
        assert_eq!(segment_of(&[token(3, 1, 1.0)], symbols, clock), None);
        let listed = listed(&tokens, &Symbols::parse(symbols).unwrap(), clock);
        assert_eq!(listed[1], json!(["ven", 1_000 + 4 * 640, 1_000 + 5 * 640, 0.4f32]));
    }

    #[test]
    fn ideographs_are_words_without_spaces_between_them() {
        let symbols = "<blk> 0\n\u{4e00} 1\n\u{2581}\u{4e07} 2\n\u{2581}mon 3\nday 4\n<unk> 5";
        let clock = Clock { offset: 0, step: 640, end: u64::MAX };
        let tokens: Vec<Token> = [1, 2, 3, 5, 4, 1, 3].iter().zip(0..).map(|(id, at)| token(*id, at, 0.5)).collect();
        let segment = segment_of(&tokens, symbols, clock).unwrap();
        assert_eq!(segment.text(), "\u{4e00}\u{4e07} monday\u{4e00} mon");
        let words: Vec<_> = segment.words.iter().map(|word| word.text().into_owned()).collect();
        assert_eq!(words, ["\u{4e00}", "\u{4e07}", "monday", "\u{4e00}", "mon"]);
    }

    #[test]
    fn bytes_make_characters_and_half_a_character_is_not_told_yet() {
        let mut symbols: String = (0..256).map(|byte| format!("<0x{byte:02X}> {byte}\n")).collect();
        symbols.push_str("<blk> 256\n\u{2581}a 257");
        let clock = Clock { offset: 0, step: 640, end: u64::MAX };
        let tokens: Vec<Token> = [257, 0xc3, 0xa9, 0xc3].iter().zip(0..).map(|(id, at)| token(*id, at, 0.5)).collect();
        assert_eq!(segment_of(&tokens, &symbols, clock).unwrap().text(), "a\u{e9}");
    }

    #[test]
    fn a_word_told_after_the_end_was_said_before_it() {
        let clock = Clock { offset: 1_000, step: 640, end: 4_000 };
        let words = segment_of(&[token(0, 3, 0.9), token(0, 6, 0.9)], "\u{2581}one 0\n<blk> 1", clock).unwrap().words;
        let times: Vec<_> = words.iter().map(|word| (word.start, word.end)).collect();
        assert_eq!(times, [(2_920, 3_560), (3_360, 4_000)]);
        assert_eq!(Clock { end: 1_100, ..clock }.start(5), 1_000);
    }
}
