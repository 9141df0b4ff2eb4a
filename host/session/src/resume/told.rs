//! What a client that resumes says it has, and what it is told.

use auricle_core::{Failure, FailureCode};
use std::fmt::Display;

/// What a client that resumes has of its stream. Times are in seconds of the epoch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Told {
    /// Number of resets that were answered.
    pub epoch: u32,
    /// Number of flushes of this epoch that were answered.
    pub flushes: u64,
    /// Number of events of this epoch: started speech, segments, endpoints.
    pub events: u64,
    /// End of its last segment.
    pub text_end: f64,
    /// Text of its last segment; may be empty.
    pub text: String,
    /// Time of its last other of these events.
    pub event_time: f64,
}

/// How a stream goes on whose process has died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seam {
    /// As if nothing had happened: the engine repeats what it did exactly.
    Exact,
    /// No audio is lost, but words near the point may differ.
    Lossless,
}

/// There is nothing to resume.
pub(in super::super) fn unknown_stream(message: impl Display) -> Failure {
    Failure::new(FailureCode::UnknownStream, message)
}
