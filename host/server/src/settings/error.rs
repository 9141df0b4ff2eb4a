//! What is wrong with `auricle.toml`. Each is one line.

use auricle_core::{
    one_line,
    times::{LONGEST, SHORTEST},
};
use std::{fmt, io, path::PathBuf};
use tracing_subscriber::filter::ParseError;

/// Why the file is not taken.
#[derive(Debug, thiserror::Error)]
pub enum SettingsFileError {
    /// There is no reading it.
    #[error("{}: {error}", .file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The system's.
        error: io::Error,
    },
    /// What is in it are no settings.
    #[error("{}: {problem}", .file.display())]
    Content {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        problem: SettingsError,
    },
}

/// Why a text holds no settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// It is no TOML, or not that of settings.
    #[error(transparent)]
    Toml(#[from] TomlError),
    /// What to log is not said in directives.
    #[error("`log` is \"{}\": {}", one_line(.directives), one_line(.error))]
    Log {
        /// What is there.
        directives: String,
        /// What is wrong with it.
        error: ParseError,
    },
    /// An address and listeners beside it.
    #[error("`listen` is the short form of [[listeners]]: give one of the two")]
    ListenTwice,
    /// A field that no clock can keep, or that is not above 0.
    #[error("`{field}` must be a positive number, {SHORTEST} to {LONGEST}")]
    NotPositive {
        /// With its table.
        field: &'static str,
    },
    /// A number with which no stream could be served.
    #[error("`{field}` must be at least 1")]
    Zero {
        /// With its table.
        field: &'static str,
    },
    /// `timeouts.drain_seconds` is no time to wait.
    #[error("`timeouts.drain_seconds` must be 0, or {SHORTEST} to {LONGEST}")]
    Drain,
}

/// What the parser of TOML has against a text, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TomlError {
    /// From 1, and what it says; where the parser tells.
    line: Option<(usize, String)>,
    message: String,
}

impl TomlError {
    /// Of the parser's error on this text.
    pub(crate) fn new(text: &str, error: &toml::de::Error) -> Self {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.map(|before| {
            let number = before.matches('\n').count();
            (number + 1, one_line(text.lines().nth(number).unwrap_or_default().trim()))
        });
        Self { line, message: one_line(error.message().replace('\n', ", ")) }
    }
}

impl fmt::Display for TomlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((number, line)) = &self.line {
            write!(f, "line {number}, `{line}`: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for TomlError {}
