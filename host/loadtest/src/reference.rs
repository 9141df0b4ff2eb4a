//! The texts of a reference stream, and the delays of other streams with the same audio.
//!
//! A server does not report which audio a text needed. The reference stream shows it: the last frame that was sent
//! before the text arrived. A text of another stream is due once that frame would have been recorded.
//!
//! Invariant: each text of the reference stream counts once in every other stream. If it did not arrive, because the
//! server sends a slow reader only the newest text, it counts when the next text arrives. A text that the reference
//! stream did not have counts as the one with the same ending; without such a match it is ignored.

use super::{spoken::Heard, stream::StreamRun};
use serde::Serialize;
use std::{cmp::Reverse, mem::replace};

/// Number of bytes compared at the end of two texts: fewer than `LEAST` may match by chance, and `MOST` are enough.
const LEAST: usize = 8;
const MOST: usize = 32;

/// The texts of a reference stream.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reference {
    /// The texts in order, beginning with an empty one, and the number of frames that each needed.
    texts: Vec<(String, usize)>,
    /// Number of frames in the audio.
    frames: usize,
}

/// The comparison of another stream with the reference.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Compared {
    /// For each text that arrived during the audio: the number of frames it needed, and its delay in seconds.
    pub(super) delays: Vec<(usize, f64)>,
    /// Differences of the last text.
    pub(super) words: Words,
    /// What became of the words that were said, if they are known.
    pub(super) heard: Heard,
}

/// Word counts of a comparison.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Words {
    /// Words in the reference stream.
    pub expected: usize,
    /// Words inserted, deleted or replaced.
    pub different: usize,
}

impl Reference {
    /// Records the run of a reference stream with `frames` frames.
    pub(super) fn learn(run: &StreamRun, frames: usize) -> Self {
        let texts = run.texts.iter().map(|text| (text.text.clone(), text.sent));
        Self { texts: [(String::new(), 0)].into_iter().chain(texts).collect(), frames }
    }

    /// Number of texts that arrived before the end of the audio.
    pub(super) fn texts_before_end(&self) -> usize {
        self.texts[1..].iter().filter(|(_, needed)| *needed < self.frames).count()
    }

    /// The last text.
    pub(super) fn text(&self) -> &str {
        self.texts.last().map_or("", |(text, _)| text)
    }

    /// Compares another run. `frame` is the length of a frame in seconds.
    pub(super) fn compare(&self, run: &StreamRun, frame: f64) -> Compared {
        let (mut delays, mut place) = (Vec::new(), 0);
        for arrived in &run.texts {
            let first = match self.place(place, &arrived.text) {
                Some(TextMatch::Same(at)) => replace(&mut place, at) + 1,
                Some(TextMatch::Alike(at)) => at.max(replace(&mut place, at) + 1),
                None => continue,
            };
            for (_, needed) in self.texts.iter().take(place + 1).skip(first) {
                // Texts after the end of the audio do not count as partials; the delay at the end is measured
                // separately.
                if *needed < self.frames {
                    delays.push((*needed, (arrived.at - *needed as f64 * frame).max(0.0)));
                }
            }
        }
        let last = run.texts.last().map_or("", |text| &text.text);
        let [expected, found] = [self.text(), last].map(words);
        let words = Words { expected: expected.len(), different: distance(&expected, &found) };
        Compared { delays, words, heard: Heard::default() }
    }

    /// Finds the reference text, from index `from` on, that matches `text`.
    fn place(&self, from: usize, text: &str) -> Option<TextMatch> {
        let rest = || self.texts.iter().map(|(other, _)| other.as_str()).enumerate().skip(from);
        let same = rest().find(|(_, other)| *other == text).map(|(place, _)| TextMatch::Same(place));
        // Matches texts that differ only earlier; the first of several.
        let alike = || rest().map(|(place, other)| (alike(other, text), Reverse(place))).max();
        same.or_else(|| alike().filter(|(bytes, _)| *bytes >= LEAST).map(|(_, Reverse(place))| TextMatch::Alike(place)))
    }
}

/// A match in the list of reference texts.
enum TextMatch {
    /// The text at this index is the same.
    Same(usize),
    /// The text at this index has the same ending.
    Alike(usize),
}

/// Number of equal bytes at the end of two texts, at most `MOST`.
fn alike(one: &str, other: &str) -> usize {
    one.bytes().rev().zip(other.bytes().rev()).take(MOST).take_while(|(a, b)| a == b).count()
}

fn words(text: &str) -> Vec<&str> {
    text.split(' ').filter(|word| !word.is_empty()).collect()
}

/// Number of words to insert, delete or replace to turn one text into the other.
fn distance(one: &[&str], other: &[&str]) -> usize {
    // The time grows with the square of the words, but most streams agree with the reference, and are done here.
    let same = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    strsim::generic_levenshtein(&one[same..].to_vec(), &other[same..].to_vec())
}

#[cfg(test)]
mod tests {
    use super::{super::stream::TimedText, *};

    fn run(texts: &[(&str, usize, f64)]) -> StreamRun {
        let timed =
            |(text, sent, at): &(&str, usize, f64)| TimedText { at: *at, sent: *sent, text: (*text).to_owned() };
        StreamRun { texts: texts.iter().map(timed).collect(), ..StreamRun::default() }
    }

    /// Ten frames of 100 ms. The texts need 2, 5, 8 and all 10 frames.
    fn reference() -> Reference {
        Reference::learn(&run(&[("a", 2, 0.21), ("a b", 5, 0.52), ("a b c", 8, 0.81), ("a b c d", 10, 1.1)]), 10)
    }

    fn delays(texts: &[(&str, usize, f64)]) -> Vec<(usize, u32)> {
        let compared = reference().compare(&run(texts), 0.1);
        compared.delays.iter().map(|(needed, delay)| (*needed, (delay * 1000.0).round() as u32)).collect()
    }

    #[test]
    fn a_text_is_late_from_when_its_frame_was_due() {
        let all = [("a", 9, 0.25), ("a b", 9, 0.9), ("a b c", 9, 0.79), ("a b c d", 10, 3.0)];
        assert_eq!(delays(&all), [(2, 50), (5, 400), (8, 0)]);
        assert_eq!(reference().texts_before_end(), 3);
    }

    #[test]
    fn a_text_that_was_passed_over_counts_when_the_next_one_comes() {
        assert_eq!(delays(&[("a b c", 9, 1.0)]), [(2, 800), (5, 500), (8, 200)]);
        assert_eq!(delays(&[("a b c d", 10, 1.2)]), [(2, 1000), (5, 700), (8, 400)]);
    }

    #[test]
    fn a_text_that_never_came_counts_as_nothing_and_is_missed_in_the_end() {
        let compared = reference().compare(&run(&[("a", 9, 0.25)]), 0.1);
        assert_eq!((compared.delays.len(), compared.words), (1, Words { expected: 4, different: 3 }));
        let nothing = reference().compare(&run(&[]), 0.1);
        assert_eq!(nothing.words, Words { expected: 4, different: 4 });
    }

    #[test]
    fn a_changed_text_of_which_no_end_is_known_says_nothing() {
        let changed = [("x", 9, 0.25), ("x b", 9, 0.6), ("x b", 9, 0.7), ("x b c d", 10, 1.1)];
        assert_eq!(delays(&changed), []);
        let compared = reference().compare(&run(&changed), 0.1);
        assert_eq!(compared.words, Words { expected: 4, different: 1 });
    }

    #[test]
    fn what_was_changed_earlier_does_not_hide_a_place() {
        let alphabet = "abcdefghijklmnopqrstuvwxyz";
        let reference: Vec<_> = (1..40).map(|n| (alphabet.repeat(5)[..3 * n].to_owned(), n, n as f64)).collect();
        let changed: Vec<_> =
            reference.iter().map(|(text, n, at)| (text.replacen('c', "xy", 1), *n, at + 0.5)).collect();
        let of = |texts: &[(String, usize, f64)]| {
            run(&texts.iter().map(|(text, n, at)| (text.as_str(), *n, *at)).collect::<Vec<_>>())
        };
        let compared = Reference::learn(&of(&reference), 100).compare(&of(&changed), 1.0);
        // From the first text whose ending is long enough.
        let expected: Vec<_> = (4..40).map(|n| (n, 0.5)).collect();
        assert_eq!((compared.delays, compared.words.different), (expected, 1));
    }

    #[test]
    fn a_text_that_comes_back_moves_nothing() {
        assert_eq!(
            delays(&[("a", 9, 0.3), ("a b", 9, 0.6), ("a", 9, 0.7), ("a b c", 9, 0.9)]),
            [(2, 100), (5, 100), (8, 100)]
        );
    }

    #[test]
    fn words_are_counted() {
        for (one, other, count) in
            [("", "", 0), ("a", "", 1), ("a b c", "a c", 1), ("a b", "b a", 2), ("a b", "a c d", 2)]
        {
            let (one, other) = (words(one), words(other));
            assert_eq!((distance(&one, &other), distance(&other, &one)), (count, count), "{one:?} {other:?}");
        }
    }
}
