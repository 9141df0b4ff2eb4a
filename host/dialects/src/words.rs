//! The words of a text, for protocols whose words all have times. No I/O.

use auricle_core::times::seconds;
use auricle_plugin_api::Segment;

/// A word of a text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Word {
    /// As in the text.
    pub(crate) text: String,
    /// In seconds.
    pub(crate) start: f64,
    /// In seconds.
    pub(crate) end: f64,
    /// Whether the engine reported these times. If not, they are those of the whole text.
    pub(crate) is_timed: bool,
    /// 0 to 1.
    pub(crate) confidence: f64,
    /// Whether it will not change.
    pub(crate) is_final: bool,
}

/// The words of a text, whose times are in samples at `rate`. If the engine reports none, they are what spaces divide.
pub(crate) fn words(text: &Segment, rate: u32, is_final: bool) -> Vec<Word> {
    if text.words.is_empty() {
        let (start, end) = (seconds(text.start, rate), seconds(text.end, rate));
        let confidence = confidence(text.confidence);
        let word = |word: &str| Word { text: word.to_owned(), start, end, is_timed: false, confidence, is_final };
        return text.text().split_whitespace().map(word).collect();
    }
    let word = |word: &auricle_plugin_api::Word| Word {
        text: word.text().trim().to_owned(),
        start: seconds(word.start, rate),
        end: seconds(word.end, rate),
        is_timed: true,
        confidence: confidence(word.confidence.or(text.confidence)),
        is_final,
    };
    text.words.iter().map(word).collect()
}

/// A confidence for a client, which always gets one.
pub(crate) fn confidence(reported: Option<f32>) -> f64 {
    reported.map_or(1.0, |value| (f64::from(value) * 1e6).round() / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use auricle_plugin_api as api;

    #[test]
    fn a_word_has_the_times_of_its_text_if_it_has_none() {
        let timed = Segment::new(0, 16_000, "one").words(vec![api::Word::new(0, 8_000, " one").confidence(0.1)]);
        let word = Word { text: "one".into(), start: 0.0, end: 0.5, is_timed: true, confidence: 0.1, is_final: true };
        assert_eq!(words(&timed, 16_000, true), [word]);
        let bare = words(&Segment::new(8_000, 16_000, "one two").confidence(0.5), 16_000, false);
        let two = Word { text: "two".into(), start: 0.5, end: 1.0, is_timed: false, confidence: 0.5, is_final: false };
        assert_eq!((bare.len(), &bare[1]), (2, &two));
    }
}
