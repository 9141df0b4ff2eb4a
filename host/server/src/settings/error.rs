//! Errors of `auricle.toml`. Each message is one line.

use auricle_core::{
    one_line,
    times::{LONGEST, SHORTEST},
    wording::ParseError,
};
use serde::de::DeserializeOwned;
use std::{fmt, io, ops::Range, path::PathBuf};
use toml::Deserializer;
use tracing_subscriber::filter::ParseError as DirectivesError;

/// The settings file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsFileError {
    /// The file cannot be read.
    #[error("{}: {error}", .file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The cause.
        error: io::Error,
    },
    /// The content is invalid.
    #[error("{}: {problem}", .file.display())]
    Content {
        /// The file.
        file: PathBuf,
        /// The cause.
        problem: SettingsError,
    },
}

/// The text is not valid settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The text is not valid TOML, or has unknown or wrong fields.
    #[error(transparent)]
    Toml(#[from] TomlError),
    /// `log` has no valid directives.
    #[error("`log` is \"{}\": {}", one_line(.directives), one_line(.error))]
    Log {
        /// The value of `log`.
        directives: String,
        /// The parser's error.
        error: DirectivesError,
    },
    /// `listen` and `listeners` are both set.
    #[error("`listen` is the short form of [[listeners]]: set only one of them")]
    ListenTwice,
    /// The value of a field is not positive, or too long for a timer.
    #[error("`{field}` must be a positive number, {SHORTEST} to {LONGEST}")]
    NotPositive {
        /// Name of the field with its table.
        field: &'static str,
    },
    /// A number with which no stream could be served.
    #[error("`{field}` must be at least 1")]
    Zero {
        /// With its table.
        field: &'static str,
    },
    /// Clients cannot be told where `webrtc.listen` is.
    #[error(
        "`webrtc.listen` is an unspecified address: set `webrtc.addresses` to the IP addresses at which clients reach this server"
    )]
    NoAddresses,
    /// The value of a field is neither 0 nor a time to wait.
    #[error("`{field}` must be 0, or {SHORTEST} to {LONGEST}")]
    NoWait {
        /// Name of the field with its table.
        field: &'static str,
    },
}

/// An error of the TOML parser, with its place in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TomlError {
    /// Line number, from 1, and the line's text, if known.
    line: Option<(usize, String)>,
    problem: ParseError,
}

impl TomlError {
    /// Reads TOML text.
    pub(crate) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Self> {
        let deserializer =
            Deserializer::parse(text).map_err(|error| Self::at(text, error.span(), ".", error.message()))?;
        serde_path_to_error::deserialize(deserializer)
            .map_err(|error| Self::at(text, error.inner().span(), &error.path().to_string(), error.inner().message()))
    }

    /// An error of the parser that keeps comments.
    pub(crate) fn of_edit(text: &str, error: &toml_edit::TomlError) -> Self {
        Self::at(text, error.span(), ".", error.message())
    }

    /// An error in the value at `path`.
    fn at(text: &str, span: Option<Range<usize>>, path: &str, message: &str) -> Self {
        let before = span.and_then(|span| text.get(..span.start));
        let line = before.map(|before| {
            let number = before.matches('\n').count();
            (number + 1, one_line(text.lines().nth(number).unwrap_or_default().trim()))
        });
        Self { line, problem: ParseError::toml(path, message) }
    }
}

impl fmt::Display for TomlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((number, line)) = &self.line {
            write!(f, "line {number}, `{line}`: ")?;
        }
        self.problem.fmt(f)
    }
}

impl std::error::Error for TomlError {}
