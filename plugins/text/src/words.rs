//! The words of a text, and edits of them.
//!
//! A text is split at white space. Invariant: a segment without edits stays as it is, to the byte. The list of timed words is edited
//! by itself, so engines may divide it differently from the text.

use auricle_plugin_api::{Segment, Word};
use std::{borrow::Cow, ops::Range};

/// Replaces a range of words. Edits are in order and do not overlap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edit {
    pub(crate) range: Range<usize>,
    /// Nothing, to remove the words.
    pub(crate) text: Option<String>,
}

/// What a stage does to words.
pub(crate) trait Rule: Send + Sync + 'static {
    /// The edits of these words.
    fn edits(&self, words: &[&str]) -> Vec<Edit>;
}

/// A word without the punctuation around it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Core<'a> {
    pub(crate) lead: &'a str,
    pub(crate) core: &'a str,
    pub(crate) trail: &'a str,
}

impl<'a> Core<'a> {
    pub(crate) fn new(word: &'a str) -> Self {
        let rest = word.trim_start_matches(|letter: char| !letter.is_alphanumeric());
        let core = rest.trim_end_matches(|letter: char| !letter.is_alphanumeric());
        Self { lead: &word[..word.len() - rest.len()], core, trail: &rest[core.len()..] }
    }
}

/// The words of a text.
pub(crate) fn split(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

/// A text with edits of its words.
pub(crate) fn edit_text(words: &[&str], edits: &[Edit]) -> String {
    let mut kept = Vec::with_capacity(words.len());
    let mut next = 0;
    for Edit { range, text } in edits {
        kept.extend(words[next..range.start].iter().map(|word| Cow::Borrowed(*word)));
        kept.extend(text.iter().map(|text| Cow::Borrowed(text.as_str())));
        next = range.end;
    }
    kept.extend(words[next..].iter().map(|word| Cow::Borrowed(*word)));
    kept.join(" ")
}

/// Timed words with edits. A replacement has the time of the words that it replaces, and their least confidence.
pub(crate) fn edit_words(words: Vec<Word>, edits: &[Edit]) -> Vec<Word> {
    let mut kept = Vec::with_capacity(words.len());
    let mut words = words.into_iter().enumerate().peekable();
    for Edit { range, text } in edits {
        while let Some((_, word)) = words.next_if(|(place, _)| *place < range.start) {
            kept.push(word);
        }
        let mut replaced: Vec<Word> = Vec::new();
        while let Some((_, word)) = words.next_if(|(place, _)| *place < range.end) {
            replaced.push(word);
        }
        if let (Some(text), Some(first), Some(last)) = (text, replaced.first(), replaced.last()) {
            let mut word = Word::new(first.start, last.end, text.as_str());
            word.confidence = replaced.iter().filter_map(|word| word.confidence).reduce(f32::min);
            kept.push(word);
        }
    }
    kept.extend(words.map(|(_, word)| word));
    kept
}

/// A segment after a rule, with its other fields as they are.
pub(crate) fn rewrite(mut segment: Segment, rule: &dyn Rule) -> Segment {
    let text = segment.text().into_owned();
    let words = split(&text);
    let edits = rule.edits(&words);
    let timed: Vec<_> = segment.words.iter().map(Word::text).collect();
    let timed: Vec<_> = timed.iter().map(|word| word.trim()).collect();
    let of_timed = rule.edits(&timed);
    if !edits.is_empty() {
        segment = with_text(segment, edit_text(&words, &edits));
    }
    if !of_timed.is_empty() {
        segment.words = edit_words(segment.words, &of_timed);
    }
    segment
}

/// The segment with another text.
pub(crate) fn with_text(segment: Segment, text: String) -> Segment {
    let Segment { start, end, confidence, language, words, extra, .. } = segment;
    let mut changed = Segment::new(start, end, text).words(words);
    (changed.confidence, changed.language, changed.extra) = (confidence, language, extra);
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(range: Range<usize>, text: &str) -> Edit {
        Edit { range, text: (!text.is_empty()).then(|| text.to_owned()) }
    }

    #[test]
    fn words_are_replaced_and_removed() {
        let words = ["a", "b", "c", "d"];
        assert_eq!(edit_text(&words, &[edit(0..2, "x"), edit(3..4, "")]), "x c");
        let timed =
            words.iter().zip(0..).map(|(text, at)| Word::new(at, at + 1, *text).confidence(1.0 - at as f32 / 10.0));
        let edited = edit_words(timed.collect(), &[edit(1..3, "x"), edit(3..4, "")]);
        let told: Vec<_> = edited.iter().map(|word| (word.start, word.end, word.text(), word.confidence)).collect();
        assert_eq!(told, [(0, 1, "a".into(), Some(1.0)), (1, 3, "x".into(), Some(0.8))]);
    }

    #[test]
    fn punctuation_is_around_a_word() {
        let Core { lead, core, trail } = Core::new("\"don't,\"");
        assert_eq!((lead, core, trail), ("\"", "don't", ",\""));
        let Core { lead, core, trail } = Core::new("--");
        assert_eq!((lead, core, trail), ("--", "", ""));
    }
}
