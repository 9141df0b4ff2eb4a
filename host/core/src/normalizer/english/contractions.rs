//! Contracted words, written out.

use std::borrow::Cow;

/// Whole words.
const WORDS: [(&str, &str); 24] = [
    ("won't", "will not"),
    ("can't", "can not"),
    ("cannot", "can not"),
    ("shan't", "shall not"),
    ("ain't", "is not"),
    ("let's", "let us"),
    ("y'all", "you all"),
    ("ma'am", "madam"),
    ("gonna", "going to"),
    ("gotta", "got to"),
    ("wanna", "want to"),
    ("gimme", "give me"),
    ("lemme", "let me"),
    ("dunno", "do not know"),
    ("kinda", "kind of"),
    ("sorta", "sort of"),
    ("outta", "out of"),
    ("coulda", "could have"),
    ("shoulda", "should have"),
    ("woulda", "would have"),
    ("mr", "mister"),
    ("mrs", "missus"),
    ("dr", "doctor"),
    ("prof", "professor"),
];

/// Ends of words. A possessive is written like "is", because nothing but its meaning tells them apart.
const ENDS: [(&str, &str); 7] = [
    ("n't", " not"),
    ("'re", " are"),
    ("'ve", " have"),
    ("'ll", " will"),
    ("'d", " would"),
    ("'m", " am"),
    ("'s", " is"),
];

/// Whether these letters are what follows the apostrophe of a contraction.
pub(super) fn is_end(letters: &str) -> bool {
    ENDS.iter().any(|(end, _)| end.strip_prefix('\'') == Some(letters))
}

/// The word or words that a contracted word stands for.
pub(super) fn written_out(word: &str) -> Cow<'_, str> {
    if let Some((_, whole)) = WORDS.iter().find(|(contracted, _)| *contracted == word) {
        return Cow::Borrowed(whole);
    }
    match ENDS.iter().find_map(|(end, whole)| Some((word.strip_suffix(end)?, whole))) {
        // Several, as in "wouldn't've".
        Some((start, whole)) if !start.is_empty() => Cow::Owned(written_out(start).into_owned() + whole),
        _ => Cow::Borrowed(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contractions_are_written_out() {
        for (word, whole) in [
            ("wouldn't've", "would not have"),
            ("they'll", "they will"),
            ("i'm", "i am"),
            ("won't", "will not"),
            ("o'clock", "o'clock"),
            ("n't", "n't"),
        ] {
            assert_eq!(written_out(word), whole);
        }
    }
}
