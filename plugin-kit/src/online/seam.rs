//! Where a hypothesis continues after the committed words.
//!
//! Invariant: text decides, and time only if text is not decisive: the times of a word differ between hypotheses, and some
//! models only estimate them. Threads: any; there is no state.

use super::transcript::{SAMPLE_RATE, Word};

/// Times of the same word differ by this much between hypotheses.
const OVERLAP: u64 = SAMPLE_RATE as u64 / 10;

/// Takes the `committed` words in the buffer, the end of the `last` committed word of the stream, and a hypothesis of the
/// whole buffer. Returns where the committed words end, by the hypothesis if it contains them, and the words after them.
pub(crate) type Seam = fn(committed: &[Word], last: u64, words: Vec<Word>) -> (u64, Vec<Word>);

/// Drops the words at the start of the hypothesis that need the fewest edits to become the committed ones. Time decides if
/// several numbers of words need as few, or if the hypothesis does not contain half of the committed words: those are
/// dropped that begin no later than the last committed one, whose end may be wrong by seconds if the audio ended with it.
/// If no committed words are in the buffer, those are dropped that begin before `last`.
pub(crate) fn by_text(committed: &[Word], last: u64, mut words: Vec<Word>) -> (u64, Vec<Word>) {
    let old = |word: &&Word| match committed.last() {
        Some(committed) => word.start <= committed.start + OVERLAP,
        None => word.start + OVERLAP <= last,
    };
    let by_time = words.iter().take_while(old).count();
    let edits = edits(committed, &words);
    let best = (0..edits.len()).min_by_key(|count| (edits[*count], count.abs_diff(by_time)));
    match best {
        Some(count) if !committed.is_empty() && edits[count] * 2 <= committed.len() => {
            let new = words.split_off(count);
            (words.last().map_or(last, |word| word.end), new)
        }
        _ => (last, words.split_off(by_time)),
    }
}

/// For each number of words at the start of `words`: the number of insertions, deletions and replacements that turn them
/// into the committed ones.
fn edits(committed: &[Word], words: &[Word]) -> Vec<usize> {
    let words: Vec<String> = words.iter().map(|word| plain(&word.text)).collect();
    let mut row: Vec<usize> = (0..=words.len()).collect();
    for committed in committed.iter().map(|word| plain(&word.text)) {
        let mut diagonal = row[0];
        row[0] += 1;
        for (at, word) in words.iter().enumerate() {
            let replaced = diagonal + usize::from(*word != committed);
            diagonal = row[at + 1];
            row[at + 1] = replaced.min(diagonal + 1).min(row[at] + 1);
        }
    }
    row
}

/// A word without case and punctuation, which differ between hypotheses.
fn plain(text: &str) -> String {
    let letters: String = text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    if letters.is_empty() { text.trim().to_owned() } else { letters }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::online::agreement::join;

    /// Consecutive words of half a second, from `start` tenths of a second on.
    fn words(start: u64, text: &str) -> Vec<Word> {
        let place = |(place, text): (usize, &str)| {
            let start = start * 1_600 + place as u64 * 8_000;
            Word { start, end: start + 8_000, text: text.into(), probability: None }
        };
        text.split_whitespace().enumerate().map(place).collect()
    }

    /// The new words of a hypothesis whose times are `late` tenths of a second later than the committed ones.
    fn new(committed: &str, late: u64, hypothesis: &str) -> String {
        let committed = words(10, committed);
        let last = committed.last().map_or(0, |word| word.end);
        join(&by_text(&committed, last, words(10 + late, hypothesis)).1, " ")
    }

    #[test]
    fn text_decides_at_any_times() {
        for late in [0, 3, 9, 20] {
            for (committed, hypothesis, expected) in [
                ("so is this", "so is this what", "what"),
                // Case and punctuation change.
                ("so is this", "So, is THIS. What", "What"),
                // The start was cut off, or is recognised differently.
                ("so is this", "is this what", "what"),
                ("so is this", "though is this what", "what"),
                ("so is this", "oh so is this what", "what"),
                // Repeated words.
                (
                    "it was the best of times it was the",
                    "it was the best of times it was the worst of times it was the",
                    "worst of times it was the",
                ),
                ("a b c d e f", "a b c d e f g", "g"),
                ("so is this", "so is this", ""),
            ] {
                assert_eq!(new(committed, late, hypothesis), expected, "{committed}: {hypothesis}, {late} late");
            }
        }
    }

    #[test]
    fn time_decides_where_text_does_not() {
        // Recognised differently, or dropped and followed by new words.
        assert_eq!(new("so is this", 0, "so is that what"), "what");
        assert_eq!(new("so is this", 10, "so is that what"), "that what");
        // The model skipped the committed words: one that occurs again is a coincidence.
        assert_eq!(new("it was the best of times", 30, "then came the end"), "then came the end");
        // A committed word was long because it was the last in the audio, and something else was said.
        let stretched = [Word { end: 60_000, ..words(0, "him").remove(0) }];
        assert_eq!(join(&by_text(&stretched, 60_000, words(0, "had he married a")).1, " "), "he married a");
        // Dropped words that are not the committed ones do not move the end of these: otherwise each of the following
        // hypotheses would lose another word.
        let (committed, other) = (words(0, "no no"), words(3, "nine two one zero"));
        let (last, new) = by_text(&committed, 16_000, other);
        assert_eq!((last, join(&new, " ").as_str()), (16_000, "two one zero"));
        // No committed word is in the buffer; the last one ended at 1.2 seconds.
        assert_eq!(join(&by_text(&[], 19_200, words(4, "so is this")).1, " "), "this");
        assert_eq!(join(&by_text(&[], 19_200, words(12, "so is this")).1, " "), "so is this");
    }
}
