//! Reasons why a stream ended early, from the client's side.

use crate::{failure::Failure, source::SourceError};
use auricle_core::wording::count;
use std::io;

/// Why a session ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum End {
    /// The stream failed.
    #[error(transparent)]
    Stream(#[from] Failure),
    /// The audio could not be read to its end; what was read has been transcribed.
    #[error(transparent)]
    Source(SourceError),
    /// Parts of the audio were skipped, each with a notice to the observer; the rest has been transcribed.
    #[error("not all of the audio was transcribed: {} skipped", count(*.parts, "part"))]
    Damaged {
        /// Number of skipped parts.
        parts: u64,
    },
    /// The observer's error.
    #[error("cannot write the output: {0}")]
    Output(io::Error),
    /// Interrupted twice, or before audio was sent.
    #[error("interrupted")]
    Interrupted,
}
