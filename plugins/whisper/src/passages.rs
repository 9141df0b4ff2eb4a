//! The text of a decode and its times: passages between timestamps, and their words.
//!
//! Invariant: passages and words are in order and lie within the window. Source: Radford et al. 2022, section 2.3
//! (timestamps come in pairs around each passage), and the reference implementation's splitting into words.

use crate::vocabulary::{TIMESTAMP, Vocabulary};
use auricle_plugin_api::Error;

/// Languages written without spaces: each character counts as a word.
const WITHOUT_SPACES: [&str; 6] = ["zh", "ja", "th", "lo", "my", "yue"];

/// Text between two timestamps.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spoken {
    /// Seconds from the start of the window.
    pub(crate) start: f64,
    pub(crate) end: f64,
    /// The indices of its text in the decoded tokens.
    pub(crate) tokens: std::ops::Range<usize>,
}

/// The passages in decoded tokens, and the time in seconds from which the window must be decoded again: the model ended
/// early if its last passages are closed and there is audio left. `length` is that of the audio.
pub(crate) fn passages(tokens: &[u32], vocabulary: &Vocabulary, length: f64) -> (Vec<Spoken>, f64) {
    let mut passages: Vec<Spoken> = Vec::new();
    let (mut start, mut first) = (0.0f64, None);
    for (at, token) in tokens.iter().enumerate() {
        if !vocabulary.is_time(*token) {
            first.get_or_insert(at);
            continue;
        }
        let time = (f64::from(token - vocabulary.zero) * TIMESTAMP).min(length).max(start);
        if let Some(from) = first.take() {
            passages.push(Spoken { start, end: time, tokens: from..at });
        }
        start = time;
    }
    if let Some(from) = first {
        // Without a closing timestamp it lasts to the end.
        passages.push(Spoken { start, end: length.max(start), tokens: from..tokens.len() });
        return (passages, length);
    }
    // Two timestamps at the end open another passage; one means that nothing follows.
    let opened = tokens.len() >= 2 && tokens[tokens.len() - 2..].iter().all(|token| vocabulary.is_time(*token));
    let closed = passages.last().map_or(0.0, |passage| passage.end);
    (passages, if opened && closed > 0.0 { closed } else { length })
}

/// A word of text tokens.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Piece {
    /// The text with the space before it, as the model writes it.
    pub(crate) text: String,
    /// Number of its tokens.
    pub(crate) tokens: usize,
}

/// Splits text tokens into words: at spaces, with punctuation belonging to the word before it; or into characters if
/// the language has no spaces.
pub(crate) fn words(tokens: &[u32], vocabulary: &Vocabulary, language: Option<&str>) -> Result<Vec<Piece>, Error> {
    let each = language.is_some_and(|language| WITHOUT_SPACES.contains(&language));
    let mut words: Vec<Piece> = Vec::new();
    for unit in characters(tokens, vocabulary)? {
        let begins = (each || unit.text.starts_with(' ')) && !belongs_before(unit.text.trim());
        match words.last_mut() {
            Some(word) if !begins => {
                word.text.push_str(&unit.text);
                word.tokens += unit.tokens;
            }
            _ => words.push(unit),
        }
    }
    Ok(words)
}

/// Whether it is punctuation that belongs to the word before it.
fn belongs_before(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| ".,!?;:%)]}-'\u{2019}\u{201d}。，！？：、".contains(c))
}

/// The smallest groups of tokens that are whole characters.
fn characters(tokens: &[u32], vocabulary: &Vocabulary) -> Result<Vec<Piece>, Error> {
    let mut units = Vec::new();
    let mut from = 0;
    for to in 1..=tokens.len() {
        let text = vocabulary.decode(&tokens[from..to])?;
        if !text.contains('\u{fffd}') || to == tokens.len() {
            units.push(Piece { text, tokens: to - from });
            from = to;
        }
    }
    Ok(units)
}

/// Estimates the times of words in a passage by their number of characters, for exports without attention.
pub(crate) fn spread(words: &[Piece], start: f64, end: f64) -> Vec<(f64, f64)> {
    let letters = |piece: &Piece| piece.text.trim().chars().count().max(1) as f64;
    let all: f64 = words.iter().map(letters).sum();
    let mut at = start;
    words
        .iter()
        .map(|word| {
            let from = at;
            at += (end - start) * letters(word) / all;
            (from, at)
        })
        .collect()
}

/// The times of words from the times at which their tokens end; `first` is the token of the first word. A word begins
/// where the token before it ends.
pub(crate) fn aligned(words: &[Piece], first: usize, token_ends: &[f64]) -> Vec<(f64, f64)> {
    let end = |tokens: usize| tokens.checked_sub(1).map_or(0.0, |token| token_ends[token]);
    let mut at = first;
    words
        .iter()
        .map(|word| {
            let start = end(at);
            at += word.tokens;
            (start, end(at))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Settings, testing::testdata};

    fn vocabulary() -> Vocabulary {
        let folder = testdata("nano");
        Vocabulary::read(&folder, &Settings::read(&folder).unwrap()).unwrap()
    }

    /// Converts a description to tokens: a number of hundredths is a timestamp, and `t` a text token.
    fn tokens_of(vocabulary: &Vocabulary, text: &str) -> Vec<u32> {
        let time = |hundredths: u32| vocabulary.zero + hundredths / 2;
        text.split(' ').map(|word| word.parse().map_or(80, time)).collect()
    }

    #[test]
    fn times_part_passages_and_tell_what_is_left() {
        let vocabulary = vocabulary();
        let spoken = |start, end, tokens| Spoken { start, end, tokens };
        for (text, expected, again) in [
            ("0 t t 100", vec![spoken(0.0, 1.0, 1..3)], 5.0),
            ("0 t 100 120 t 300", vec![spoken(0.0, 1.0, 1..2), spoken(1.2, 3.0, 4..5)], 5.0),
            // Closed, and another one opened, without text: must be decoded again.
            ("0 t 100 100", vec![spoken(0.0, 1.0, 1..2)], 1.0),
            // Not closed.
            ("0 t 100 120 t t", vec![spoken(0.0, 1.0, 1..2), spoken(1.2, 5.0, 4..6)], 5.0),
            ("t t", vec![spoken(0.0, 5.0, 0..2)], 5.0),
            // Beyond the audio.
            ("0 t 900", vec![spoken(0.0, 5.0, 1..2)], 5.0),
            ("0", vec![], 5.0),
        ] {
            let (found, left) = passages(&tokens_of(&vocabulary, text), &vocabulary, 5.0);
            let rounded = |seconds: f64| (seconds * 100.0).round() / 100.0;
            let found: Vec<_> =
                found.into_iter().map(|it| spoken(rounded(it.start), rounded(it.end), it.tokens)).collect();
            assert_eq!((found, rounded(left)), (expected, again), "{text}");
        }
    }

    #[test]
    fn words_take_all_tokens_and_carry_punctuation() {
        let vocabulary = vocabulary();
        for (text, language, expected) in [
            (" Good morning, friends!", None, vec![" Good", " morning,", " friends!"]),
            ("Good (really)", Some("en"), vec!["Good", " (really)"]),
            ("\u{4f60}\u{597d}\u{3002}", Some("zh"), vec!["\u{4f60}", "\u{597d}\u{3002}"]),
        ] {
            let tokens = vocabulary.encode(text).unwrap();
            let words = words(&tokens, &vocabulary, language).unwrap();
            assert_eq!(words.iter().map(|word| word.tokens).sum::<usize>(), tokens.len());
            assert_eq!(words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn words_share_a_passage_by_their_length() {
        let piece = |text: &str| Piece { text: text.into(), tokens: 1 };
        assert_eq!(spread(&[piece(" a"), piece(" bcd")], 1.0, 3.0), [(1.0, 1.5), (1.5, 3.0)]);
        assert_eq!(spread(&[], 1.0, 3.0), []);
    }
}
