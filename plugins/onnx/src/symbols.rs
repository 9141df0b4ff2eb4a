//! The symbols of a model: `tokens.txt`, a line `SYMBOL ID` for each token.
//!
//! Invariant: ids are 0 to the number of symbols less one, each once; one symbol is the blank.
//!
//! U+2581, the mark of SentencePiece, begins a word. Source: the files that icefall and NeMo exports come with.

use auricle_plugin_api::Error;
use std::{fs, path::Path};

/// What separates words within a symbol.
const WORD_MARK: char = '\u{2581}';
const BLANKS: [&str; 3] = ["<blk>", "<blank>", "<eps>"];

/// The symbols by id.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Symbols {
    symbols: Vec<String>,
    blank: usize,
}

impl Symbols {
    pub(crate) fn read(file: &Path) -> Result<Self, Error> {
        let refused = |problem: String| Error::model(format!("{}: {problem}", file.display()));
        let text = fs::read(file).map_err(|problem| refused(problem.to_string()))?;
        let text = String::from_utf8(text).map_err(|_| refused("is not UTF-8".to_owned()))?;
        Self::parse(&text).map_err(refused)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut symbols: Vec<Option<String>> = Vec::new();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
            let problem = |what: &str| format!("line {}: {what}: `{line}`", number + 1);
            // A symbol may be a space itself, so the id is what follows the last one.
            let (symbol, id) = line.trim_end().rsplit_once([' ', '\t']).ok_or_else(|| problem("not `SYMBOL ID`"))?;
            let id: usize = id.parse().map_err(|_| problem("the id is not a number"))?;
            // More than one id a byte of the file there cannot be.
            if id > text.len() {
                return Err(problem("ids have gaps"));
            }
            symbols.resize(symbols.len().max(id + 1), None);
            if symbols[id].replace(symbol.to_owned()).is_some() {
                return Err(problem("the id was there before"));
            }
        }
        let missing = symbols.iter().position(Option::is_none);
        if let Some(id) = missing {
            return Err(format!("no symbol has the id {id}"));
        }
        let symbols: Vec<String> = symbols.into_iter().flatten().collect();
        let mut blanks = symbols.iter().enumerate().filter(|(_, symbol)| BLANKS.contains(&symbol.as_str()));
        match (blanks.next(), blanks.next()) {
            (Some((blank, _)), None) => Ok(Self { blank, symbols }),
            (None, _) => Err(format!("has no blank ({})", BLANKS.join(", "))),
            (Some(_), Some(_)) => Err("has more than one blank".to_owned()),
        }
    }

    /// How many there are, the blank included.
    pub(crate) fn len(&self) -> usize {
        self.symbols.len()
    }

    pub(crate) fn blank(&self) -> usize {
        self.blank
    }

    /// Whether a word begins with this token, and what it adds to the text.
    pub(crate) fn piece(&self, id: usize) -> (bool, &str) {
        let symbol = self.symbols.get(id).map_or("", String::as_str);
        symbol.strip_prefix(WORD_MARK).map_or((false, symbol), |rest| (true, rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_exports_write() {
        let symbols = Symbols::parse("\u{2581}one 1\n\u{2581}t 0\nwo 2\r\n<blk> 3\n\n").unwrap();
        assert_eq!((symbols.len(), symbols.blank()), (4, 3));
        assert_eq!((symbols.piece(1), symbols.piece(2)), ((true, "one"), (false, "wo")));
        assert_eq!(Symbols::parse("<blk> 0\n  1\na\t2").unwrap().piece(1), (false, " "));
    }

    #[test]
    fn says_which_line_is_wrong() {
        for (text, problem) in [
            ("", "has no blank"),
            ("a 0\nb 1", "has no blank"),
            ("<blk> 0\n<eps> 1", "more than one blank"),
            ("<blk> 0\na 2", "no symbol has the id 1"),
            ("<blk> 0\na 0", "line 2: the id was there before: `a 0`"),
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
