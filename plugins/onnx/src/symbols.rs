//! The symbols of a model: `tokens.txt`, a line `SYMBOL ID` for each token.
//!
//! Invariant: ids are 0 to the number of symbols minus one, without duplicates; one symbol is the blank.
//!
//! U+2581, the mark of SentencePiece, begins a word, and so does a space. A symbol is written as itself, or as bytes if
//! the model's symbols are bytes (`bytes`). Source: the files in icefall and NeMo exports.

mod bytes;

use auricle_plugin_api::Error;
use auricle_plugin_kit::files;
use std::{collections::HashMap, path::Path};

/// Separates words within a symbol.
pub(crate) const WORD_MARK: char = '\u{2581}';
const BLANKS: [&str; 3] = ["<blk>", "<blank>", "<eps>"];
const UNKNOWN: &str = "<unk>";

/// The symbols by id.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Symbols {
    symbols: Vec<String>,
    pieces: Vec<Piece>,
    ids: HashMap<String, u32>,
    blank: usize,
}

/// The text of a symbol.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Piece {
    /// Whether it begins a word.
    pub(crate) begins: bool,
    /// Possibly a part of a character, if the model's symbols are bytes.
    pub(crate) text: Vec<u8>,
}

impl Symbols {
    pub(crate) fn read(file: &Path) -> Result<Self, Error> {
        let refused = |problem: String| Error::model(format!("{}: {problem}", file.display()));
        Self::parse(&files::read_text(file)?).map_err(refused)
    }

    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut symbols: Vec<Option<String>> = Vec::new();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
            let problem = |what: &str| format!("line {}: {what}: `{line}`", number + 1);
            // A symbol may be a space itself, so the id follows the last separator.
            let (symbol, id) = line.trim_end().rsplit_once([' ', '\t']).ok_or_else(|| problem("not `SYMBOL ID`"))?;
            let id: usize = id.parse().map_err(|_| problem("the id is not a number"))?;
            // There cannot be more ids than bytes in the file.
            if id > text.len() {
                return Err(problem("ids have gaps"));
            }
            symbols.resize(symbols.len().max(id + 1), None);
            if symbols[id].replace(symbol.to_owned()).is_some() {
                return Err(problem("the id occurs twice"));
            }
        }
        let missing = symbols.iter().position(Option::is_none);
        if let Some(id) = missing {
            return Err(format!("no symbol has the id {id}"));
        }
        let symbols: Vec<String> = symbols.into_iter().flatten().collect();
        let mut blanks = symbols.iter().enumerate().filter(|(_, symbol)| BLANKS.contains(&symbol.as_str()));
        let blank = match (blanks.next(), blanks.next()) {
            (Some((blank, _)), None) => blank,
            (None, _) => return Err(format!("has no blank ({})", BLANKS.join(", "))),
            (Some(_), Some(_)) => return Err("has more than one blank".to_owned()),
        };
        let pieces = bytes::pieces(&symbols);
        let ids = symbols.iter().enumerate().map(|(id, symbol)| (symbol.clone(), id as u32)).collect();
        Ok(Self { symbols, pieces, ids, blank })
    }

    /// Whether they fit a network with this number of symbols. Marks for lexicons (`#0`, `#1`, ...) at the end of the
    /// list do not count.
    pub(crate) fn are(&self, count: usize) -> bool {
        let mark = |symbol: &String| symbol.strip_prefix('#').is_some_and(|number| number.parse::<u32>().is_ok());
        self.symbols.get(count..).is_some_and(|rest| rest.iter().all(mark))
    }

    /// The number of symbols, including the blank.
    pub(crate) fn len(&self) -> usize {
        self.symbols.len()
    }

    pub(crate) fn blank(&self) -> usize {
        self.blank
    }

    /// The symbol for unknown characters.
    pub(crate) fn unknown(&self) -> Option<usize> {
        self.id(UNKNOWN).map(|id| id as usize)
    }

    pub(crate) fn id(&self, symbol: &str) -> Option<u32> {
        self.ids.get(symbol).copied()
    }

    /// A symbol as in the file.
    pub(crate) fn symbol(&self, id: u32) -> &str {
        self.symbols.get(id as usize).map_or("", String::as_str)
    }

    /// The text of a symbol; `None` if it has none.
    pub(crate) fn piece(&self, id: u32) -> Option<&Piece> {
        self.pieces.get(id as usize).filter(|_| self.symbol(id) != UNKNOWN)
    }

    /// Whether there are spaces, as marks or themselves.
    pub(crate) fn has_words(&self) -> bool {
        self.pieces.iter().any(|piece| piece.begins)
    }
}

/// Whether a character belongs to a script without spaces between words: Han characters and kana.
pub(crate) fn is_ideographic(character: char) -> bool {
    matches!(character, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_exports_write() {
        let symbols = Symbols::parse("\u{2581}one 1\n\u{2581}t 0\nwo 2\r\n<blk> 3\n\n").unwrap();
        assert_eq!((symbols.len(), symbols.blank()), (4, 3));
        let piece = |begins, text: &str| Piece { begins, text: text.into() };
        assert_eq!((symbols.piece(1), symbols.piece(2)), (Some(&piece(true, "one")), Some(&piece(false, "wo"))));
        let symbols = Symbols::parse("<blk> 0\n  1\na\t2\n<unk> 3").unwrap();
        assert_eq!((symbols.piece(1), symbols.piece(3), symbols.unknown()), (Some(&piece(true, "")), None, Some(3)));
        assert_eq!((symbols.id("a"), symbols.symbol(2), symbols.has_words()), (Some(2), "a", true));
    }

    #[test]
    fn marks_of_a_lexicon_are_no_symbols_of_the_network() {
        let symbols = Symbols::parse("<blk> 0\na 1\n#0 2\n#1 3").unwrap();
        assert!(symbols.are(4) && symbols.are(2) && !symbols.are(1) && !symbols.are(5));
    }

    #[test]
    fn says_which_line_is_wrong() {
        for (text, problem) in [
            ("", "has no blank"),
            ("a 0\nb 1", "has no blank"),
            ("<blk> 0\n<eps> 1", "more than one blank"),
            ("<blk> 0\na 2", "no symbol has the id 1"),
            ("<blk> 0\na 0", "line 2: the id occurs twice: `a 0`"),
            ("<blk> 0\na", "line 2: not `SYMBOL ID`: `a`"),
            ("<blk> 0\na b", "line 2: the id is not a number: `a b`"),
            ("<blk> 0\na 4000000000", "line 2: ids have gaps: `a 4000000000`"),
        ] {
            let refusal = Symbols::parse(text).unwrap_err();
            assert!(refusal.contains(problem), "{text:?}: {refusal}");
        }
    }

    proptest! {
        #[test]
        fn takes_any_text_without_panic(text in any::<String>()) {
            let _ = Symbols::parse(&text);
        }

        #[test]
        fn finds_each_symbol_by_its_id(names in proptest::collection::vec("[^\\s<]{1,4}", 0..20)) {
            let mut lines: Vec<String> = names.iter().enumerate().map(|(id, name)| format!("{name} {id}")).collect();
            lines.push(format!("<blk> {}", names.len()));
            lines.reverse();
            let symbols = Symbols::parse(&lines.join("\n")).unwrap();
            for (id, name) in names.iter().enumerate() {
                prop_assert_eq!(&symbols.symbols[id], name);
            }
        }
    }
}
