//! Reasons why a stream ended early, from the client's side.

use crate::source::SourceError;
use auricle_core::wording::count;
use std::io;

/// Why a session ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum End {
    /// The server cannot be reached.
    #[error("cannot connect to {url}: {reason}")]
    Connect {
        /// The server's address.
        url: String,
        /// The cause.
        reason: String,
    },
    /// The server sent an HTTP response instead of opening a WebSocket.
    #[error("{url} refused the stream: {status}{}", after_colon(.line))]
    Refused {
        /// The server's address.
        url: String,
        /// For example `503 Service Unavailable`.
        status: String,
        /// First line of the response's body; may be empty.
        line: String,
    },
    /// The server's `error` event.
    #[error("the server ended the stream: {message} ({code})")]
    Server {
        /// The failure code, as in the protocol.
        code: String,
        /// The server's message.
        message: String,
    },
    /// The connection failed, or was closed without `done` or `error`.
    #[error("the connection was lost: {0}")]
    Lost(String),
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

fn after_colon(line: &str) -> String {
    if line.is_empty() { String::new() } else { format!(": {line}") }
}
