//! Makes Deepgram's alternatives and words of segments. No I/O.

use super::messages::{Alternative, Word};
use crate::words;
use auricle_core::times::seconds;
use auricle_plugin_api as api;

/// The transcript of a segment. Times are in samples at `rate`. Languages are reported if the client did not choose one.
pub(super) fn alternative(text: &api::Segment, rate: u32, detects_language: bool) -> Alternative {
    let word = |word: &api::Word| {
        let written = word.text().into_owned();
        Word {
            word: plain(&written),
            start: seconds(word.start, rate),
            end: seconds(word.end, rate),
            confidence: words::confidence(word.confidence.or(text.confidence)),
            punctuated_word: written,
        }
    };
    let words: Vec<Word> = text.words.iter().map(word).collect();
    let confidence = match text.confidence {
        None if !words.is_empty() => confidence(&words),
        whole => words::confidence(whole),
    };
    let languages = text.language.iter().filter(|_| detects_language).cloned().collect();
    Alternative { transcript: text.text().into_owned(), confidence, languages, words }
}

/// The mean confidence of words, of which there is at least one.
pub(super) fn confidence(words: &[Word]) -> f64 {
    words.iter().map(|word| word.confidence).sum::<f64>() / words.len() as f64
}

/// A word in lower case, without the punctuation around it.
fn plain(word: &str) -> String {
    let bare = word.trim_matches(|character: char| !character.is_alphanumeric() && character != '\'');
    if bare.is_empty() { word } else { bare }.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_plain_and_as_written() {
        assert_eq!(["Four,", "don't", "¡Hola!", "...", "Ä"].map(plain), ["four", "don't", "hola", "...", "ä"]);
    }

    #[test]
    fn what_has_no_confidence_takes_that_of_the_other() {
        let words = vec![api::Word::new(0, 1, "one").confidence(0.5), api::Word::new(1, 2, "two")];
        let told = alternative(&api::Segment::new(0, 2, "one two").words(words).language("en"), 16_000, true);
        assert_eq!((told.confidence, told.words[1].confidence, told.languages), (0.75, 1.0, vec!["en".to_owned()]));
        let whole = alternative(&api::Segment::new(0, 2, "one").confidence(0.25).language("en"), 16_000, false);
        assert_eq!((whole.confidence, whole.languages.len()), (0.25, 0));
    }
}
