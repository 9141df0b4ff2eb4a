//! Symbols that represent bytes, so that a model can write any text.
//!
//! There are two ways. In addition to a tokenizer's pieces there may be a symbol for each byte, `<0x00>` to `<0xFF>`,
//! for text without pieces. Or all pieces consist of bytes written as letters: printable ASCII as itself, the others as
//! letters from U+0100 on that normalisation does not decompose. Source: SentencePiece (byte fallback); icefall's
//! byte-level BPE.

use super::{Piece, UNKNOWN, WORD_MARK};
use std::collections::HashMap;

/// The letters from U+0100 on that represent no byte.
const COMPOSED: [u32; 6] = [0x132, 0x133, 0x13f, 0x140, 0x149, 0x17f];
/// Represents a space after a character that the tokenizer did not know.
const REPLACEMENT: char = '\u{2047}';
/// Letters represent bytes only if one of these occurs; languages with Latin letters do not use it.
const RARE: char = '\u{180}';

/// The texts of the symbols.
pub(super) fn pieces(symbols: &[String]) -> Vec<Piece> {
    let letters = letters();
    let spelled = are_spelled(symbols, &letters);
    let fallback = symbols.iter().filter(|symbol| byte(symbol).is_some()).count() == 256;
    let piece = |symbol: &String| {
        let rest = symbol.strip_prefix([WORD_MARK, ' ']);
        let (begins, text) = (rest.is_some(), rest.unwrap_or(symbol));
        let text = match byte(symbol) {
            Some(byte) if fallback => vec![byte],
            _ if spelled && !is_special(symbol) => {
                text.chars().filter_map(|letter| letters.get(&letter).copied()).collect()
            }
            _ => text.as_bytes().to_vec(),
        };
        Piece { begins, text }
    };
    symbols.iter().map(piece).collect()
}

/// The byte of a symbol `<0xNN>`.
fn byte(symbol: &str) -> Option<u8> {
    let digits = symbol.strip_prefix("<0x")?.strip_suffix('>')?;
    u8::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 2)
}

fn is_special(symbol: &str) -> bool {
    symbol == UNKNOWN || symbol.len() > 2 && symbol.starts_with('<') && symbol.ends_with('>')
}

/// Whether the symbols are bytes written as letters.
fn are_spelled(symbols: &[String], letters: &HashMap<char, u8>) -> bool {
    let mut all = symbols.iter().filter(|symbol| !is_special(symbol)).flat_map(|symbol| symbol.chars());
    let rare =
        symbols.iter().flat_map(|symbol| symbol.chars()).any(|letter| letter >= RARE && letters.contains_key(&letter));
    rare && all.all(|letter| letter == WORD_MARK || letters.contains_key(&letter))
}

fn letters() -> HashMap<char, u8> {
    let mut others = (0x100..0x200).filter(|code| !COMPOSED.contains(code)).filter_map(char::from_u32);
    let mut letters: HashMap<char, u8> = (0..=u8::MAX)
        .filter_map(|byte| Some((if (32..127).contains(&byte) { char::from(byte) } else { others.next()? }, byte)))
        .collect();
    letters.insert(REPLACEMENT, b' ');
    letters
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(symbols: &[&str]) -> Vec<u8> {
        let symbols: Vec<String> = symbols.iter().map(|symbol| (*symbol).to_owned()).collect();
        pieces(&symbols).iter().flat_map(|piece| piece.text.clone()).collect()
    }

    #[test]
    fn each_byte_has_its_letter() {
        let letters = letters();
        assert_eq!(letters.len(), 257);
        for (letter, byte) in [('\u{100}', 0), ('a', b'a'), ('\u{120}', 127), ('\u{134}', 145), ('\u{1a6}', 255)] {
            assert_eq!(letters[&letter], byte, "{letter}");
        }
    }

    #[test]
    fn letters_are_bytes_where_all_are_letters_of_bytes() {
        // U+4E00 is E4 B8 80.
        assert_eq!(text(&["<blk>", "\u{2581}\u{18b}", "\u{15e}\u{121}"]), "<blk>\u{4e00}".as_bytes());
        assert_eq!(text(&["\u{18b}", "\u{4e00}"]), "\u{18b}\u{4e00}".as_bytes());
        assert_eq!(text(&["\u{2581}caf\u{e9}"]), "caf\u{e9}".as_bytes());
    }

    #[test]
    fn bytes_are_bytes_where_all_are_there() {
        let all: Vec<String> = (0..=255).map(|byte| format!("<0x{byte:02X}>")).collect();
        assert_eq!(pieces(&all)[0xe4].text, [0xe4]);
        assert_eq!(text(&["<0xE4>"]), b"<0xE4>");
    }
}
