//! One line of the result.

use serde::Serialize;
use std::fmt::Display;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// In order.
    Ok,
    /// The server starts, but something is probably not as intended.
    Warning,
    /// The server does not start, or cannot use this.
    Error,
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// What was checked: `settings`, `preset english`, ...
    pub subject: String,
    /// What was found, and what to do about it; one line.
    pub message: String,
}

impl Finding {
    /// A finding.
    pub fn new(level: Level, subject: impl Into<String>, message: impl Display) -> Self {
        Self { level, subject: subject.into(), message: auricle_core::one_line(message) }
    }

    pub(super) fn ok(subject: impl Into<String>, message: impl Display) -> Self {
        Self::new(Level::Ok, subject, message)
    }

    pub(super) fn warning(subject: impl Into<String>, message: impl Display) -> Self {
        Self::new(Level::Warning, subject, message)
    }

    pub(super) fn error(subject: impl Into<String>, message: impl Display) -> Self {
        Self::new(Level::Error, subject, message)
    }
}
