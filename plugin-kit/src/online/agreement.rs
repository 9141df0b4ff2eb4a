//! LocalAgreement: a word is final once two consecutive hypotheses begin with it, or up to five if the model is unsure of it. With
//! AlignAtt a word of which the model is sure is final once it has ended some time before the end of the audio.
//!
//! Invariants: committed words never change; `inside` and `unreported` count the last words of `history`; `history`
//! contains only what the next prompt, the buffer and the next segment need. Times are samples of the stream. Threads:
//! one at a time.
//!
//! Sources: D. Macháček, R. Dabre, O. Bojar, "Turning Whisper into Real-Time Transcription System", IJCNLP-AACL 2023; S. Papi, M.
//! Turchi, M. Negri, "AlignAtt: Using Attention-based Audio-Translation Alignments as a Guide for Simultaneous Speech
//! Translation", Interspeech 2023.

use super::{seam::Seam, transcript::Word};
use serde::{Deserialize, Serialize};

/// A prompt grows word by word until it has this many characters, with one space per word.
const PROMPT_CHARACTERS: usize = 200;

/// A word with a lower probability is doubtful. Of the words that turned out wrong in streams of Whisper tiny.en on real
/// speech, half were below this; of the others 3 %.
const DOUBTFUL: f32 = 0.5;
/// What a hypothesis adds at least to the evidence for a word, so that five are always enough.
const LEAST_EVIDENCE: f32 = 0.2;

/// The same word in two hypotheses begins at most so many samples apart.
const NEAR: u64 = 8_000;
/// The committed words, and the last hypothesis.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Agreement {
    /// End of the last committed word, or the start of the audio.
    pub(crate) last: u64,
    /// Committed words, oldest first.
    pub(crate) history: Vec<Word>,
    /// Number of words at the start that are from before the last restart.
    before: usize,
    /// Number of committed words that are still in the buffer.
    inside: usize,
    /// Number of committed words that are not in a segment yet.
    unreported: usize,
    /// The last hypothesis after the committed words.
    #[serde(skip)]
    pub(crate) left: Vec<Word>,
    /// The evidence for each word of `left`, from the last hypotheses that agree on it and on the words before it.
    #[serde(skip)]
    evidence: Vec<f32>,
    /// Whether the hypothesis before had each word of `left` at about the same place.
    #[serde(skip)]
    steady: Vec<bool>,
}

impl Agreement {
    /// Starts at `start`, without words.
    #[cfg(test)]
    pub(crate) fn new(start: u64) -> Self {
        Self { last: start, ..Self::default() }
    }

    /// Starts again at `start`. If the last word is at most `context` samples before, the words are the next prompt.
    pub(crate) fn restart(&mut self, start: u64, context: u64) {
        let is_near = self.history.last().is_some_and(|word| start.saturating_sub(word.end) <= context);
        let history = if is_near { std::mem::take(&mut self.history) } else { Vec::new() };
        *self = Self { last: start, before: history.len(), history, ..Self::default() };
    }

    /// The committed words that are still in the buffer.
    fn inside(&self) -> &[Word] {
        &self.history[self.history.len() - self.inside..]
    }

    /// The committed words that are not in a segment yet.
    pub(crate) fn unreported(&self) -> &[Word] {
        &self.history[self.history.len() - self.unreported..]
    }

    /// The first `count` of them are in a segment now.
    pub(crate) fn reported(&mut self, count: usize) {
        self.unreported -= count;
    }

    /// Processes a hypothesis of the whole buffer; `seam` aligns it with the committed words. Returns the number of
    /// words that it made final: the last of `history`.
    pub(crate) fn process(&mut self, words: Vec<Word>, seam: Seam) -> usize {
        let (last, mut words) = seam(self.inside(), self.last, words);
        self.last = last;
        let agreed = words.iter().zip(&self.left).take_while(|(new, old)| new.text == old.text).count();
        self.evidence.truncate(agreed);
        let before = self.evidence.drain(..).chain(std::iter::repeat(0.0));
        let mut sums: Vec<f32> = words.iter().zip(before).map(|(word, before)| before + evidence(word)).collect();
        let sure = sums.iter().take_while(|sum| **sum >= 1.0).count();
        self.steady = words[sure..].iter().map(|word| self.left.iter().any(|old| is_same(word, old))).collect();
        self.left = words.split_off(sure);
        self.evidence = sums.split_off(sure);
        self.commit(words)
    }

    /// Makes final the words of the hypothesis before the first doubtful one. Returns their number.
    pub(crate) fn commit_sure(&mut self) -> usize {
        self.commit_attended(u64::MAX)
    }

    /// Makes final the words of the hypothesis that end at `edge` or before, up to the first doubtful one (AlignAtt): the model has
    /// heard what follows them. Returns their number.
    pub(crate) fn commit_attended(&mut self, edge: u64) -> usize {
        let count = self.left.iter().take_while(|word| word.end <= edge && !is_doubtful(word)).count();
        self.commit_left(count)
    }

    /// Makes final the first words of the hypothesis.
    fn commit_left(&mut self, count: usize) -> usize {
        let rest = self.left.split_off(count);
        let words = std::mem::replace(&mut self.left, rest);
        self.evidence.drain(..count);
        self.steady.drain(..count);
        self.commit(words)
    }

    /// Makes words final.
    fn commit(&mut self, words: Vec<Word>) -> usize {
        let count = words.len();
        self.last = words.last().map_or(self.last, |word| word.end);
        self.inside += count;
        self.unreported += count;
        self.history.extend(words);
        count
    }

    /// Makes final the words of the hypothesis that begin before `time`.
    pub(crate) fn commit_before(&mut self, time: u64) -> usize {
        let count = self.left.iter().take_while(|word| word.start < time).count();
        self.commit_left(count)
    }

    /// Makes final the words of the hypothesis that end at `time` or before, up to the last two of them that the hypothesis before
    /// had too: where hypotheses have nothing in common there may be no speech. Returns their number.
    pub(crate) fn commit_ended(&mut self, time: u64) -> usize {
        let ended = self.left.iter().take_while(|word| word.end <= time).count();
        let steady = self.steady[..ended].windows(2).rposition(|pair| pair == [true, true]);
        self.commit_left(steady.map_or(0, |place| place + 2))
    }

    /// The buffer now begins at `time`.
    pub(crate) fn cut(&mut self, time: u64) {
        self.inside -= self.inside().iter().take_while(|word| word.end <= time).count();
    }

    /// The text before a buffer that begins at `base`: up to 200 characters, whole words, without the last word since the
    /// last restart.
    pub(crate) fn prompt(&self, base: u64, separator: &str) -> String {
        join(&self.history[self.prompted(base)], separator)
    }

    fn prompted(&self, base: u64) -> std::ops::Range<usize> {
        let mut end = self.history.len().saturating_sub(1).max(self.before);
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
        self.inside.max(self.unreported).max(self.before) <= self.history.len()
    }

    /// Drops the history except for words that are not in a segment yet.
    pub(crate) fn forget_reported(&mut self) {
        self.history.drain(..self.history.len() - self.unreported);
        self.before = 0;
        self.inside = self.inside.min(self.unreported);
    }

    /// Drops the history that no prompt will need. The buffer begins at `base` or later.
    pub(crate) fn forget(&mut self, base: u64) {
        let kept = self.inside.max(self.unreported);
        let needed = self.prompted(base).start.min(self.history.len() - kept);
        self.history.drain(..needed);
        self.before = self.before.saturating_sub(needed);
    }
}

/// What a hypothesis adds to the evidence for a word: its probability, but so much that at least two and at most five
/// hypotheses make 1, which is enough.
fn evidence(word: &Word) -> f32 {
    word.probability.map_or(DOUBTFUL, |probability| probability.clamp(LEAST_EVIDENCE, DOUBTFUL))
}

/// Whether two hypotheses have the same word at about the same place.
fn is_same(one: &Word, other: &Word) -> bool {
    one.text == other.text && one.start.abs_diff(other.start) <= NEAR
}

/// Whether the model was unsure of a word.
fn is_doubtful(word: &Word) -> bool {
    word.probability.is_some_and(|probability| probability < DOUBTFUL)
}

/// Joins the texts of words.
pub(crate) fn join(words: &[Word], separator: &str) -> String {
    words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(separator)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::online::seam::by_text;

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
        assert_eq!(agreement.process(words("so it"), by_text), 0);
        assert_eq!(agreement.process(words("so is this"), by_text), 1);
        assert_eq!(agreement.process(words("so is this what"), by_text), 2);
        assert_eq!(join(&agreement.history, " "), "so is this");
        assert_eq!((agreement.last, agreement.left.len()), (24_000, 1));
    }

    #[test]
    fn a_doubtful_word_waits_for_further_hypotheses_and_so_do_those_after_it() {
        let hypothesis = |text: &str| {
            let mut words = words(text);
            words.iter_mut().filter(|word| word.text == "my").for_each(|word| word.probability = Some(0.4));
            words.iter_mut().filter(|word| word.text == "dear").for_each(|word| word.probability = Some(0.01));
            words
        };
        let mut agreement = Agreement::new(0);
        assert_eq!(agreement.process(hypothesis("so my fellow"), by_text), 0);
        assert_eq!(agreement.process(hypothesis("so my fellow friends"), by_text), 1);
        // A different one is heard.
        assert_eq!(agreement.process(hypothesis("so am my fellow friends"), by_text), 0);
        assert_eq!(agreement.process(hypothesis("so my fellow friends"), by_text), 0);
        assert_eq!(agreement.process(hypothesis("so my fellow friends"), by_text), 0);
        assert_eq!(agreement.process(hypothesis("so my fellow friends"), by_text), 3);
        // The less sure the model is, the more hypotheses are needed, but at most five.
        for final_words in [0, 0, 0, 0, 2] {
            assert_eq!(agreement.process(hypothesis("so my fellow friends dear all"), by_text), final_words);
        }
        // At a pause, what comes before it is final.
        agreement.process(hypothesis("so my fellow friends dear all now my"), by_text);
        assert_eq!((agreement.commit_sure(), agreement.left.len()), (1, 1));
        assert_eq!(agreement.commit_before(u64::MAX), 1);
    }

    #[test]
    fn words_of_which_the_model_is_sure_are_final_once_it_has_heard_what_follows() {
        let mut agreement = Agreement::new(0);
        assert_eq!(agreement.process(words("so my fellow friends"), by_text), 0);
        assert_eq!((agreement.commit_attended(23_999), agreement.left.len()), (2, 2));
        // Later hypotheses cannot change them.
        assert_eq!(agreement.process(words("so am follow friends all"), by_text), 0);
        assert_eq!(agreement.commit_attended(32_000), 2);
        assert_eq!(join(&agreement.history, " "), "so my follow friends");
        agreement.process(words("so my follow friends dear all"), by_text);
        agreement.left[0].probability = Some(0.4);
        assert_eq!(agreement.commit_attended(48_000), 0);
    }

    #[test]
    fn words_that_ended_long_ago_are_final_if_those_after_them_are_steady() {
        let mut agreement = Agreement::new(0);
        agreement.process(words("full ravishment the hours of"), by_text);
        assert_eq!(agreement.process(words("all revision the hours of prime"), by_text), 0);
        assert_eq!(agreement.commit_ended(24_000), 0);
        assert_eq!((agreement.commit_ended(32_000), agreement.left.len()), (4, 2));
        assert_eq!(join(&agreement.history, " "), "all revision the hours");
        assert_eq!(agreement.process(words("full ravishment the hours of prime singing"), by_text), 2);
        // Where nothing is steady there may be no speech.
        let mut agreement = Agreement::new(0);
        agreement.process(words("one zero five"), by_text);
        agreement.process(words("two zero nine six"), by_text);
        assert_eq!((agreement.commit_ended(u64::MAX), agreement.left.len()), (0, 4));
    }

    #[test]
    fn history_is_what_the_next_prompt_needs() {
        let mut agreement = Agreement::new(0);
        let text = vec!["word"; 1_000].join(" ");
        agreement.process(words(&text), by_text);
        agreement.process(words(&text), by_text);
        assert_eq!(agreement.prompt(0, " "), "");
        let base = 900 * 8_000;
        agreement.cut(base);
        let prompt = agreement.prompt(base, " ");
        assert_eq!(prompt, vec!["word"; 40].join(" "));
        agreement.forget(base);
        assert_eq!((agreement.history.len(), agreement.inside), (1_000, 100));
        agreement.reported(1_000);
        agreement.forget(base);
        assert_eq!((agreement.history.len(), agreement.inside), (140, 100));
        assert_eq!(agreement.prompt(base, " "), prompt);
    }
}
