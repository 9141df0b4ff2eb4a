//! Finds places where the buffer can be cut.
//!
//! Invariant: a cut never lies after the last committed word, so that no text is lost. Times are samples of the stream.
//! Threads: any; there is no state.

use super::transcript::Word;

/// Characters that end a sentence.
const STOPS: [char; 12] = ['.', '!', '?', '…', '。', '！', '？', '｡', '।', '؟', '።', '։'];
/// Characters that may follow them.
const CLOSING: [char; 10] = ['"', '\'', ')', ']', '»', '”', '’', '」', '』', '）'];

/// The end of the last passage but one, skipping passages that end after `last`, the end of the last committed word.
/// The last passage is not separated from the audio that follows.
pub(crate) fn at_passage(ends: &[u64], last: u64) -> Option<u64> {
    let mut count = ends.len();
    while count > 2 && ends[count - 2] > last {
        count -= 1;
    }
    let end = *ends.get(count.checked_sub(2)?)?;
    (end <= last).then_some(end)
}

/// The end of the last sentence but one among the committed words. An unfinished sentence at the end counts as one.
pub(crate) fn at_sentence(history: &[Word]) -> Option<u64> {
    let (_, words) = history.split_last()?;
    words.iter().rev().find(|word| ends_sentence(&word.text)).map(|word| word.end)
}

/// Whether a sentence ends with the word. A full stop after an abbreviation, such as `Mr.` or `e.g.`, does not end one.
pub(crate) fn ends_sentence(word: &str) -> bool {
    let word = word.trim_matches(|c: char| c.is_whitespace() || CLOSING.contains(&c));
    word.ends_with(STOPS) && !word.strip_suffix('.').is_some_and(is_abbreviation)
}

/// Recognised by its form, in any language: at most three characters and not in lower case, or with full stops inside.
fn is_abbreviation(word: &str) -> bool {
    word.trim_end_matches('.').contains('.') || word.chars().count() <= 3 && !word.starts_with(char::is_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passages_not_yet_committed_stay() {
        assert_eq!(at_passage(&[], 100), None);
        assert_eq!(at_passage(&[50], 100), None);
        assert_eq!(at_passage(&[50, 60], 100), Some(50));
        assert_eq!(at_passage(&[50, 90, 120], 100), Some(90));
        assert_eq!(at_passage(&[50, 110, 120], 100), Some(50));
        assert_eq!(at_passage(&[110, 120, 130], 100), None);
    }

    #[test]
    fn the_sentence_before_the_last_one_is_complete() {
        let words = |text: &str| -> Vec<Word> {
            let word =
                |(end, text): (usize, &str)| Word { start: 0, end: end as u64, text: text.into(), probability: None };
            text.split('|').enumerate().map(word).collect()
        };
        assert_eq!(at_sentence(&[]), None);
        assert_eq!(at_sentence(&words("so|it|is.")), None);
        assert_eq!(at_sentence(&words("so|it|is.| And")), Some(2));
        assert_eq!(at_sentence(&words(" Well.| So|it|is.\"")), Some(0));
        assert_eq!(at_sentence(&words("是。|好。|好")), Some(1));
    }
    #[test]
    fn an_abbreviation_ends_no_sentence() {
        for word in [" so.", " done.\"", " What?", " No!", "好。", " wait...", " 1990."] {
            assert!(ends_sentence(word), "{word}");
        }
        for word in [" so", " Mr.", "\"Dr.", " J.", " U.S.", " e.g.", " 3.", " (z.B.)", " 3.5", "."] {
            assert!(!ends_sentence(word), "{word}");
        }
    }
}
