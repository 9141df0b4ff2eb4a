//! Why a stream failed, and after which failures another try makes sense.

/// Why a stream ended without all of its text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
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
        /// The failure code, as in the protocol; later versions may have more.
        code: String,
        /// The server's message.
        message: String,
    },
    /// The connection failed, or was closed without `done` or `error`.
    #[error("the connection was lost: {0}")]
    Lost(String),
    /// Audio was given after the end.
    #[error("the stream takes no more audio: it was finished or cancelled")]
    Finished,
}

/// Codes of failures that pass.
const PASSING: [&str; 5] = ["capacity", "overloaded", "shutting_down", "slow_reader", "idle_timeout"];
/// The same as HTTP status: too many requests, and what servers and proxies say when they are full or away.
const PASSING_STATUS: [&str; 4] = ["429", "502", "503", "504"];

impl Failure {
    /// Whether a stream that was ready once connects again after it.
    pub fn passes(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Lost(_) => true,
            Self::Refused { status, .. } => PASSING_STATUS.iter().any(|passing| status.starts_with(passing)),
            Self::Server { code, .. } => PASSING.contains(&code.as_str()),
            Self::Finished => false,
        }
    }
}

fn after_colon(line: &str) -> String {
    if line.is_empty() { String::new() } else { format!(": {line}") }
}
