//! Errors of an engine: an open set of codes, with a message of one line.

use std::fmt;

/// The reason why a call failed, as a number that an older reader may not know.
///
/// These are the published codes. More may be added, and an engine may use its own from 1000 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ErrorCode(pub u32);

impl ErrorCode {
    /// Any failure without a code of its own.
    pub const OTHER: Self = Self(0);
    /// The engine panicked; the message is that of the panic.
    pub const PANIC: Self = Self(1);
    /// The object panicked in an earlier call and is no longer called.
    pub const POISONED: Self = Self(2);
    /// A configuration field is missing, of the wrong type, or has a value the engine cannot use.
    pub const CONFIG: Self = Self(3);
    /// The model's files are missing, unreadable or not in the engine's format.
    pub const MODEL: Self = Self(4);
    /// No further stream can be served now; a later try may succeed.
    pub const CAPACITY: Self = Self(5);
    /// The engine does not support this.
    pub const UNSUPPORTED: Self = Self(6);
    /// The call broke the contract (an unknown state, a processor of another model, ...).
    pub const CONTRACT: Self = Self(7);
    /// A stage failed; the message begins with its name. Set by the server.
    pub const STAGE: Self = Self(8);

    /// The published name of the code, or `error-N`.
    pub fn name(self) -> String {
        match self {
            Self::OTHER => "other".into(),
            Self::PANIC => "panic".into(),
            Self::POISONED => "poisoned".into(),
            Self::CONFIG => "config".into(),
            Self::MODEL => "model".into(),
            Self::CAPACITY => "capacity".into(),
            Self::UNSUPPORTED => "unsupported".into(),
            Self::CONTRACT => "contract".into(),
            Self::STAGE => "stage".into(),
            Self(other) => format!("error-{other}"),
        }
    }
}

/// An error: a code for programs and a message for people.
///
/// Deliberately not a `std::error::Error`, so that `?` converts every error type of an engine's libraries into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The code.
    pub code: ErrorCode,
    /// The message: what was wrong, where, and what to do. One line.
    pub message: String,
}

impl Error {
    /// Creates an error with this code.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// Creates an error with [`ErrorCode::CONFIG`]; `field` is the field that must be changed.
    pub fn config(field: &str, problem: impl fmt::Display) -> Self {
        Self::new(ErrorCode::CONFIG, format!("field `{field}`: {problem}"))
    }

    /// Creates an error with [`ErrorCode::MODEL`].
    pub fn model(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::MODEL, message)
    }

    /// Creates an error with [`ErrorCode::OTHER`].
    pub fn other(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::OTHER, message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            message.push_str(": ");
            message.push_str(&error.to_string());
            cause = error.source();
        }
        Self::other(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn question_mark_keeps_the_message() {
        fn fails() -> Result<(), Error> {
            "x".parse::<u32>()?;
            Ok(())
        }
        assert_eq!(fails().unwrap_err().message, "invalid digit found in string");
    }

    #[test]
    fn unknown_codes_have_a_name() {
        assert_eq!(ErrorCode(1234).name(), "error-1234");
    }
}
