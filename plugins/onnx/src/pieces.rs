//! Splits a text into the tokens of a model.
//!
//! Words are split into pieces so that the sum of the pieces' scores (`bpe.vocab`, a line `PIECE SCORE` for each) is
//! maximal. Han characters and others that are written without spaces are symbols of their own, and so are all
//! characters if the model's symbols are characters. Source: Kudo, Subword Regularization, ACL 2018 (the unigram
//! model's best segmentation).

use crate::symbols::{Symbols, WORD_MARK, is_ideographic};
use auricle_plugin_api::Error;
use auricle_plugin_kit::files;
use std::{collections::HashMap, path::Path};

/// The vocabulary for the texts of hotwords.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    scores: HashMap<String, f32>,
    /// Length of the longest piece, in bytes.
    longest: usize,
}

impl Pieces {
    pub(crate) fn read(file: &Path) -> Result<Self, Error> {
        let refused = |problem: String| Error::model(format!("{}: {problem}", file.display()));
        Self::parse(&files::read_text(file)?).map_err(refused)
    }

    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Self::default();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
            let problem = || format!("line {}: not `PIECE SCORE`: `{line}`", number + 1);
            let (piece, score) = line.trim_end().rsplit_once(['\t', ' ']).ok_or_else(problem)?;
            let score: f32 = score.parse().ok().filter(|score: &f32| score.is_finite()).ok_or_else(problem)?;
            pieces.longest = pieces.longest.max(piece.len());
            pieces.scores.insert(piece.to_owned(), score);
        }
        Ok(pieces)
    }

    /// The tokens of a phrase; the error names the part that the model cannot write.
    pub(crate) fn encode(&self, phrase: &str, symbols: &Symbols) -> Result<Vec<u32>, String> {
        let mut tokens = Vec::new();
        for word in phrase.split_whitespace() {
            for part in parts(word) {
                let written = if !symbols.has_words() || part.chars().all(is_ideographic) {
                    part.chars().map(String::from).collect()
                } else if self.scores.is_empty() {
                    return Err(
                        "the model's folder has no bpe.vocab, which is needed to split words into pieces".into()
                    );
                } else {
                    self.cut(&format!("{WORD_MARK}{part}"))
                        .ok_or_else(|| format!("`{part}` cannot be split into pieces"))?
                };
                for piece in written {
                    tokens.push(symbols.id(&piece).ok_or_else(|| format!("tokens.txt has no `{piece}`"))?);
                }
            }
        }
        Ok(tokens)
    }

    /// The pieces of a word with the largest sum of scores; `None` if it cannot be split.
    fn cut(&self, word: &str) -> Option<Vec<String>> {
        // For each end of a piece: the sum so far, and the start of the piece.
        let mut best: Vec<Option<(f32, usize)>> = vec![None; word.len() + 1];
        best[0] = Some((0.0, 0));
        for (start, _) in word.char_indices() {
            let Some((sum, _)) = best[start] else { continue };
            for end in (start + 1..=word.len().min(start + self.longest)).filter(|end| word.is_char_boundary(*end)) {
                let Some(score) = self.scores.get(&word[start..end]) else { continue };
                if best[end].is_none_or(|(other, _)| sum + score > other) {
                    best[end] = Some((sum + score, start));
                }
            }
        }
        let (mut pieces, mut end) = (Vec::new(), word.len());
        while end > 0 {
            let (_, start) = best[end]?;
            pieces.push(word[start..end].to_owned());
            end = start;
        }
        pieces.reverse();
        Some(pieces)
    }
}

/// Splits a word into single ideographs and the parts between them.
fn parts(word: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, character) in word.char_indices() {
        if is_ideographic(character) {
            let end = at + character.len_utf8();
            parts.extend([&word[start..at], &word[at..end]]);
            start = end;
        }
    }
    parts.push(&word[start..]);
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const VOCABULARY: &str = "\u{2581}\t-3\na\t-2\nb\t-2\n\u{2581}a\t-2.5\nab\t-1\n\u{2581}ab\t-4\nba\t-1.5\n";

    #[test]
    fn the_pieces_with_the_greatest_sum_are_taken() {
        let pieces = Pieces::parse(VOCABULARY).unwrap();
        // -2.5 - 1.5 is more than -4 - 2, and than -3 - 1 - 2.
        assert_eq!(pieces.cut("\u{2581}aba").unwrap(), ["\u{2581}a", "ba"]);
        assert_eq!(pieces.cut("\u{2581}c"), None);
    }

    #[test]
    fn words_and_ideographs_become_tokens() {
        let symbols = Symbols::parse("<blk> 0\n\u{2581}a 1\nba 2\n\u{4e00} 3\n\u{2581} 4\nab 5").unwrap();
        let pieces = Pieces::parse(VOCABULARY).unwrap();
        assert_eq!(pieces.encode(" aba  \u{4e00}aba", &symbols).unwrap(), [1, 2, 3, 1, 2]);
        assert_eq!(pieces.encode("\u{4e01}", &symbols).unwrap_err(), "tokens.txt has no `\u{4e01}`");
        assert_eq!(pieces.encode("xyz", &symbols).unwrap_err(), "`xyz` cannot be split into pieces");
        assert!(Pieces::default().encode("aba", &symbols).unwrap_err().contains("no bpe.vocab"));
        let characters = Symbols::parse("<blk> 0\na 1\nb 2").unwrap();
        assert_eq!(Pieces::default().encode("ab ba", &characters).unwrap(), [1, 2, 2, 1]);
    }

    #[test]
    fn says_which_line_is_wrong() {
        assert_eq!(Pieces::parse("a\t1\nb\tx").unwrap_err(), "line 2: not `PIECE SCORE`: `b\tx`");
    }

    proptest! {
        #[test]
        fn takes_any_text_without_panic(vocabulary in any::<String>(), phrase in any::<String>()) {
            let symbols = Symbols::parse("<blk> 0\n\u{2581}a 1").unwrap();
            if let Ok(pieces) = Pieces::parse(&vocabulary) {
                let _ = pieces.encode(&phrase, &symbols);
            }
            let _ = Pieces::parse(VOCABULARY).unwrap().encode(&phrase, &symbols);
        }

        #[test]
        fn pieces_make_the_word(word in "[ab]{1,12}") {
            let pieces = Pieces::parse(VOCABULARY).unwrap();
            let word = format!("{WORD_MARK}{word}");
            prop_assert_eq!(pieces.cut(&word).unwrap().concat(), word);
        }
    }
}
