//! Reads a model's `tokens.txt` and `bpe.vocab`, and encodes a client's phrase with them. (They are separated by NUL.)
//!
//! Checks: each is refused with a one-line error, or the symbols spell the phrase, except for white space.

use auricle_engine_onnx::fuzzing::write;

/// The mark of a word's beginning in a symbol.
const WORD_MARK: char = '\u{2581}';

/// The target; see the module.
pub fn onnx_texts(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut parts = text.splitn(3, '\0');
    let (tokens, vocabulary) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let phrase = parts.next().unwrap_or_default();
    match write(tokens, vocabulary, phrase) {
        Ok(symbols) => {
            let plain = |text: &str| text.replace(|c: char| c.is_whitespace() || c == WORD_MARK, "");
            assert_eq!(plain(&symbols.concat()), plain(phrase));
        }
        Err(problem) => assert_eq!(problem.lines().count(), 1, "{problem:?}"),
    }
}
