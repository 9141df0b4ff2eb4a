//! The query of the URL, in which a WhisperLiveKit client says what it wants.

use super::messages::Mode;
use auricle_core::{Failure, FailureCode};

/// What the client wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// The spoken language; `None`: it is detected.
    pub language: Option<String>,
    /// How results are sent.
    pub mode: Mode,
}

impl Options {
    /// Reads the query. Unknown parameters have no effect, as in WhisperLiveKit.
    ///
    /// # Errors
    /// A parameter has an unknown value, or asks for a translation.
    pub fn parse(query: &str) -> Result<Self, Failure> {
        let mut options = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match (&*name, &*value) {
                ("language", "" | "auto") => options.language = None,
                ("language", language) => options.language = Some(language.to_owned()),
                ("mode", "" | "full") => options.mode = Mode::Full,
                ("mode", "diff") => options.mode = Mode::Diff,
                ("mode", other) => {
                    let message = format!("`mode` is `{}`, but must be `full` or `diff`", other.escape_debug());
                    return Err(Failure::new(FailureCode::InvalidOption, message));
                }
                ("target_language", language) if !language.is_empty() => {
                    let message =
                        "`target_language` is not supported: the server does not translate into other languages";
                    return Err(Failure::new(FailureCode::InvalidOption, message));
                }
                _ => {}
            }
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_and_what_cannot_be_done_is_refused() {
        let options = |query: &str| Options::parse(query).map_err(|failure| failure.to_string());
        assert_eq!(options(""), Ok(Options::default()));
        let expected = Options { language: Some("de".into()), mode: Mode::Diff };
        assert_eq!(options("mode=diff&language=de&target_language=&other=1&token=k"), Ok(expected));
        assert_eq!(options("language=auto&mode=full"), Ok(Options::default()));
        assert_eq!(options("mode=%0A").unwrap_err(), "`mode` is `\\n`, but must be `full` or `diff`");
        assert!(options("target_language=fr").unwrap_err().starts_with("`target_language` is not supported"));
    }
}
