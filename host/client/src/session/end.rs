//! How a stream ended before its time, from the client's side.

use crate::{source::SourceError, summary::count};
use std::io;

/// Why a session ended before its time.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum End {
    /// Nobody there.
    #[error("cannot connect to {url}: {reason}")]
    Connect {
        /// Where.
        url: String,
        /// Why.
        reason: String,
    },
    /// An HTTP answer instead of a WebSocket.
    #[error("{url} refused the stream: {status}{}", after_colon(.line))]
    Refused {
        /// Where.
        url: String,
        /// Such as `503 Service Unavailable`.
        status: String,
        /// First line of the answer's body; may be empty.
        line: String,
    },
    /// The server's `error` event.
    #[error("the server ended the stream: {message} ({code})")]
    Server {
        /// The wire's name for it.
        code: String,
        /// For people.
        message: String,
    },
    /// The connection broke, or was closed without a word.
    #[error("the connection was lost: {0}")]
    Lost(String),
    /// The audio could not be read to its end; what was read has been transcribed.
    #[error(transparent)]
    Source(SourceError),
    /// Parts of the audio were left out, each of which the observer was told of; the rest has been transcribed.
    #[error("not all of the audio was transcribed: {} left out", count(*.parts, "part"))]
    Damaged {
        /// How many.
        parts: u64,
    },
    /// The observer's error.
    #[error("cannot write the output: {0}")]
    Output(io::Error),
    /// Interrupted twice, or before there was anything to finish.
    #[error("interrupted")]
    Interrupted,
}

fn after_colon(line: &str) -> String {
    if line.is_empty() { String::new() } else { format!(": {line}") }
}
