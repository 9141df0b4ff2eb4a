//! LocalAgreement-2: a word is final once two consecutive hypotheses begin with it.
//!
//! Invariants: committed words never change; `inside` counts the last words of `history`; `history` contains only what
//! the next prompt and the buffer need. Times are samples of the stream. Threads: one at a time.
//!
//! Source: D. Macháček, R. Dabre, O. Bojar, "Turning Whisper into Real-Time Transcription System", IJCNLP-AACL 2023.

use super::transcript::{SAMPLE_RATE, Word};
use serde::{Deserialize, Serialize};

/// A new word may begin this much before the end of the last committed one.
const OVERLAP: u64 = SAMPLE_RATE as u64 / 10;
/// Committed words are searched at the start of a hypothesis only if it begins within this distance of the last one's
/// end.
const NEAR: u64 = SAMPLE_RATE as u64;
/// Maximum number of repeated words.
const MOST_REPEATED: usize = 5;
/// A prompt grows word by word until it has this many characters, with one space per word.
const PROMPT_CHARACTERS: usize = 200;

/// The committed words, and the last hypothesis.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Agreement {
    /// End of the last committed word, or the start of the audio.
    pub(crate) last: u64,
    /// Committed words, oldest first.
    pub(crate) history: Vec<Word>,
    /// Number of committed words that are still in the buffer.
    inside: usize,
    /// The last hypothesis after the committed words.
    #[serde(skip)]
    pub(crate) left: Vec<Word>,
}

impl Agreement {
    /// Starts at `start`, without words.
    pub(crate) fn new(start: u64) -> Self {
        Self { last: start, ..Self::default() }
    }

    /// Processes a hypothesis of the whole buffer. Returns the number of words that it made final: the last of
    /// `history`.
    pub(crate) fn process(&mut self, mut words: Vec<Word>) -> usize {
        words.retain(|word| word.start + OVERLAP > self.last);
        let repeated = self.repeated(&words);
        words.drain(..repeated);
        let agreed = words.iter().zip(&self.left).take_while(|(new, old)| new.text == old.text).count();
        self.left = words.split_off(agreed);
        self.commit(words)
    }

    /// Number of words at the start of `words` that repeat the last committed ones.
    fn repeated(&self, words: &[Word]) -> usize {
        let near = words.first().is_some_and(|first| first.start.abs_diff(self.last) < NEAR);
        let most = if near { self.inside.min(words.len()).min(MOST_REPEATED) } else { 0 };
        let same =
            |count: &usize| join(&self.history[self.history.len() - count..], " ") == join(&words[..*count], " ");
        (1..=most).find(same).unwrap_or(0)
    }

    /// Makes words final.
    fn commit(&mut self, words: Vec<Word>) -> usize {
        let count = words.len();
        self.last = words.last().map_or(self.last, |word| word.end);
        self.inside += count;
        self.history.extend(words);
        count
    }

    /// Makes final the words of the hypothesis that begin before `time`.
    pub(crate) fn commit_before(&mut self, time: u64) -> usize {
        let count = self.left.iter().take_while(|word| word.start < time).count();
        let rest = self.left.split_off(count);
        let words = std::mem::replace(&mut self.left, rest);
        self.commit(words)
    }

    /// The buffer now begins at `time`.
    pub(crate) fn cut(&mut self, time: u64) {
        let inside = &self.history[self.history.len() - self.inside..];
        self.inside -= inside.iter().take_while(|word| word.end <= time).count();
    }

    /// The text before a buffer that begins at `base`: up to 200 characters, whole words, without the last word.
    pub(crate) fn prompt(&self, base: u64, separator: &str) -> String {
        join(&self.history[self.prompted(base)], separator)
    }

    fn prompted(&self, base: u64) -> std::ops::Range<usize> {
        let mut end = self.history.len().saturating_sub(1);
        while end > 0 && self.history[end - 1].end > base {
            end -= 1;
        }
        let (mut start, mut characters) = (end, 0);
        while start > 0 && characters < PROMPT_CHARACTERS {
            start -= 1;
            characters += self.history[start].text.chars().count() + 1;
        }
        start..end
    }

    /// Whether the state is valid. Bytes from elsewhere may contain anything.
    pub(crate) fn is_sound(&self) -> bool {
        self.inside <= self.history.len()
    }

    /// Drops the history that no prompt will need. The buffer begins at `base` or later.
    pub(crate) fn forget(&mut self, base: u64) {
        let needed = self.prompted(base).start.min(self.history.len() - self.inside);
        self.history.drain(..needed);
    }
}

/// Joins the texts of words.
pub(crate) fn join(words: &[Word], separator: &str) -> String {
    words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<Word> {
        let word = |(place, text): (usize, &str)| {
            let start = place as u64 * 8_000;
            Word { start, end: start + 8_000, text: text.into(), probability: None }
        };
        text.split(' ').enumerate().map(word).filter(|word| word.text != "_").collect()
    }

    #[test]
    fn two_in_a_row_agree() {
        let mut agreement = Agreement::new(0);
        assert_eq!(agreement.process(words("so it")), 0);
        assert_eq!(agreement.process(words("so is this")), 1);
        assert_eq!(agreement.process(words("so is this what")), 2);
        assert_eq!(join(&agreement.history, " "), "so is this");
        assert_eq!((agreement.last, agreement.left.len()), (24_000, 1));
    }

    #[test]
    fn a_hypothesis_that_begins_with_committed_words_does_not_repeat_them() {
        let mut agreement = Agreement::new(0);
        agreement.process(words("so is this"));
        agreement.process(words("so is this"));
        // The model reports the same words later than before.
        agreement.process(words("_ _ _ is this what"));
        assert_eq!(join(&agreement.left, " "), "what");
    }

    #[test]
    fn five_words_are_looked_for_not_six() {
        for (again, left) in [("_ _ _ _ _ _ b c d e f g", "g"), ("_ _ _ _ _ _ a b c d e f g", "a b c d e f g")] {
            let mut agreement = Agreement::new(0);
            agreement.process(words("a b c d e f"));
            agreement.process(words("a b c d e f"));
            agreement.process(words(again));
            assert_eq!(join(&agreement.left, " "), left);
        }
    }

    #[test]
    fn history_is_what_the_next_prompt_needs() {
        let mut agreement = Agreement::new(0);
        let text = vec!["word"; 1_000].join(" ");
        agreement.process(words(&text));
        agreement.process(words(&text));
        assert_eq!(agreement.prompt(0, " "), "");
        let base = 900 * 8_000;
        agreement.cut(base);
        let prompt = agreement.prompt(base, " ");
        assert_eq!(prompt, vec!["word"; 40].join(" "));
        agreement.forget(base);
        assert_eq!((agreement.history.len(), agreement.inside), (140, 100));
        assert_eq!(agreement.prompt(base, " "), prompt);
    }
}
