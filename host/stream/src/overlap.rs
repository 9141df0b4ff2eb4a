//! Where the new part of a text begins, if an engine that was started anew says again what was told before.
//!
//! The same words come with other times, so times alone would tell a word twice or lose one. The last words that were told are
//! looked for near the end of what was told. Threads: the model thread that holds the stream's engine.

use auricle_plugin_api::Segment;
use std::cmp::Reverse;

/// The number of words that are compared.
const MOST: usize = 5;

/// A word that may have been told before. Times are samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) text: String,
    pub(super) start: u64,
    pub(super) end: u64,
}

/// The words of a segment. Without times of words they are spread evenly.
pub(super) fn words(segment: &Segment) -> Vec<Heard> {
    if !segment.words.is_empty() {
        let heard = |text: String, start, end| Heard { text: text.trim().to_owned(), start, end };
        return segment.words.iter().map(|word| heard(word.text().into_owned(), word.start, word.end)).collect();
    }
    let text = segment.text();
    let texts: Vec<_> = text.split_whitespace().collect();
    let (length, count) = (segment.end.saturating_sub(segment.start), texts.len() as u64);
    let at = |number: usize| segment.start + length * number as u64 / count;
    let heard =
        |(number, text): (usize, &&str)| Heard { text: (*text).to_owned(), start: at(number), end: at(number + 1) };
    texts.iter().enumerate().map(heard).collect()
}

/// What tells words apart: their letters and digits.
fn key(word: &str) -> String {
    word.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Keeps the last words of all texts that were told.
pub(super) fn remember(last: &mut Vec<String>, text: &str) {
    let words: Vec<_> = text.split_whitespace().rev().take(MOST).map(key).collect();
    last.extend(words.into_iter().rev());
    last.drain(..last.len().saturating_sub(MOST));
}

/// How many of the first words are those that were told `last`, up to the sample `end`, with times that are at most `near` away. The most
/// words that agree count, then the nearest. `None` if none do.
pub(super) fn told(words: &[Heard], last: &[String], end: u64, near: u64) -> Option<usize> {
    let keys: Vec<_> = words.iter().map(|word| key(&word.text)).collect();
    let agree = |count: &usize| {
        let pairs = keys[..*count].iter().rev().zip(last.iter().rev());
        pairs.take_while(|(heard, told)| heard == told && !told.is_empty()).count()
    };
    let away = |count: &usize| words[*count - 1].end.abs_diff(end);
    let places = (1..=words.len()).filter(|count| away(count) <= near && agree(count) > 0);
    places.max_by_key(|count| (agree(count), Reverse(away(count))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use auricle_plugin_api::Word;

    /// Words of ten samples.
    fn said(text: &str, start: u64) -> Vec<Heard> {
        let word = |(at, text): (usize, &str)| {
            let start = start + 10 * at as u64;
            Heard { text: text.into(), start, end: start + 10 }
        };
        text.split(' ').enumerate().map(word).collect()
    }

    fn last(texts: &[&str]) -> Vec<String> {
        let mut last = Vec::new();
        texts.iter().for_each(|text| remember(&mut last, text));
        last
    }

    #[test]
    fn the_last_words_are_kept() {
        assert_eq!(last(&["One, two three", "four five", "SIX"]), ["two", "three", "four", "five", "six"]);
    }

    #[test]
    fn told_words_are_found_whatever_their_times() {
        let before = last(&["so he said that he would"]);
        for (heard, start, count) in [
            ("that he would go home", 70, Some(3)),
            ("that He would, go home", 100, Some(3)),
            ("would go", 85, Some(1)),
            ("he said that he would", 40, Some(5)),
            ("he went", 90, None),
            ("would", 300, None),
        ] {
            assert_eq!(told(&said(heard, start), &before, 100, 30), count, "{heard}");
        }
        assert_eq!(told(&said("a b", 0), &[], 0, 30), None);
    }

    #[test]
    fn of_words_said_twice_all_are_found() {
        assert_eq!(told(&said("no no yes", 80), &last(&["no no"]), 100, 30), Some(2));
    }

    #[test]
    fn words_have_times_of_their_own_or_are_spread() {
        let timed = Segment::new(0, 30, "a b").words(vec![Word::new(2, 9, "a"), Word::new(20, 28, "b")]);
        assert_eq!(words(&timed).iter().map(|word| (word.start, word.end)).collect::<Vec<_>>(), [(2, 9), (20, 28)]);
        assert_eq!(words(&Segment::new(5, 25, "a b")), said("a b", 5));
    }
}
