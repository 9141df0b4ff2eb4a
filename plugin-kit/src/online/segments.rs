//! When committed words become a segment.
//!
//! Invariant: a segment ends with a sentence, before a pause, or before it gets too long; until then its words begin the
//! partial. Times are samples of the stream. Threads: any; there is no state.

use super::{
    transcript::{SAMPLE_RATE, Word},
    trim::ends_sentence,
};

/// A silence of this length ends a segment.
const PAUSE: u64 = SAMPLE_RATE as u64;
/// Maximum length of a segment; a single word may be longer.
const LONGEST: u64 = 15 * SAMPLE_RATE as u64;
/// A segment ends with the word that brings it to this many characters.
const CHARACTERS: usize = 200;

/// The number of `committed` words in the next segment; `None` if it is not complete yet. The words in `left` follow
/// them and may change; `end` is the end of the audio, after which nothing follows if it is the `last`.
pub(crate) fn first(committed: &[Word], left: &[Word], end: u64, last: bool) -> Option<usize> {
    let start = committed.first()?.start;
    let mut characters = 0;
    for (at, word) in committed.iter().enumerate() {
        let next = committed[at + 1..].iter().chain(left).next();
        let pause = next.map_or(end, |next| next.start).saturating_sub(word.end) >= PAUSE;
        let long = next.map_or(end, |next| next.end).saturating_sub(start) > LONGEST;
        characters += word.text.chars().count();
        if ends_sentence(&word.text) || pause || long || characters >= CHARACTERS {
            return Some(at + 1);
        }
    }
    last.then_some(committed.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words of half a second, one after the other; each `_` is half a second of silence.
    fn words(text: &str) -> Vec<Word> {
        let place = |(place, text): (usize, &str)| {
            let start = place as u64 * 8_000;
            Word { start, end: start + 8_000, text: text.into(), probability: None }
        };
        text.split(' ').enumerate().map(place).filter(|word| word.text != "_").collect()
    }

    #[test]
    fn ends_where_people_would_end_it() {
        let long = vec!["so"; 40].join(" ");
        for (text, committed, end, expected) in [
            ("so is this", 3, 24_000, None),
            ("so is this. What", 4, 32_000, Some(3)),
            ("so is this.", 2, 24_000, None),
            ("so is _ _ this", 2, 40_000, Some(2)),
            ("so is _ this", 2, 32_000, None),
            ("so is this", 3, 39_999, None),
            ("so is this", 3, 40_000, Some(3)),
            (&long, 20, 320_000, None),
            (&long, 40, 320_000, Some(30)),
        ] {
            let words = words(text);
            let (committed, left) = words.split_at(committed);
            assert_eq!(first(committed, left, end, false), expected, "{text}");
            assert_eq!(first(committed, left, end, true), expected.or(Some(committed.len())), "{text}");
        }
        let absurd = [words("so"), words(&"o".repeat(1_000)), words("so")].concat();
        assert_eq!(first(&absurd, &[], 8_000, false), Some(2));
        assert_eq!(first(&[], &absurd, 8_000, true), None);
    }
}
