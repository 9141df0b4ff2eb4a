//! Why a request, connection or stream was refused or ended early: one table of codes for all protocols.
//!
//! Each protocol maps the codes to its own, such as HTTP statuses or close codes.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The failure of a stream or request: a code for programs and a message for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The code, for programs.
    pub code: FailureCode,
    /// The message, for people: what was wrong and what to do. One line.
    pub message: String,
    /// The message for the operator, if it says more than that for the client: paths of the server, places of panics.
    /// One line.
    pub detail: Option<String>,
}

impl Failure {
    /// Creates a failure. Control characters in `message`, which may quote a client, become spaces.
    pub fn new(code: FailureCode, message: impl fmt::Display) -> Self {
        Self { code, message: one_line(message), detail: None }
    }

    /// Adds what only the operator may see.
    #[must_use]
    pub fn with_detail(mut self, detail: impl fmt::Display) -> Self {
        self.detail = Some(format!("{}: {}", self.message, one_line(detail)));
        self
    }

    /// Sets the message for the operator, instead of one that adds to the client's.
    #[must_use]
    pub fn explained_as(mut self, explanation: impl fmt::Display) -> Self {
        self.detail = Some(one_line(explanation));
        self
    }

    /// The message with the detail, for the operator.
    pub fn explained(&self) -> String {
        self.detail.as_ref().unwrap_or(&self.message).clone()
    }

    /// The failure for a client. If there is a detail, the message names the id under which the log has it.
    #[must_use]
    pub fn for_client(mut self, id: &str) -> Self {
        if self.detail.take().is_some() {
            self.message = format!("{}; the server's log says why: stream {id}", self.message);
        }
        self
    }
}

/// Replaces control characters by spaces, so that the text stays on one line and none of it is hidden.
pub fn one_line(text: impl fmt::Display) -> String {
    let text = text.to_string();
    if text.contains(char::is_control) { text.replace(char::is_control, " ") } else { text }
}

macro_rules! failure_codes {
    ($($(#[$doc:meta])* $variant:ident,)+) => {
        /// Why something was refused or ended. Each dialect maps these to its own codes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum FailureCode {
            $($(#[$doc])* $variant,)+
        }

        impl FailureCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
        }
    };
}

failure_codes! {
    /// An unknown message, or a message at the wrong time.
    BadMessage,
    /// The key is missing or unknown.
    Unauthorized,
    /// The audio does not match the announced format.
    BadAudio,
    /// The client may not set this field.
    ForbiddenField,
    /// There is no preset of that name.
    UnknownPreset,
    /// The engine does not accept the value of a field.
    InvalidOption,
    /// The client's key does not allow this preset.
    ForbiddenPreset,
    /// The client sent nothing for too long.
    IdleTimeout,
    /// A live stream's audio waited too long for the engine, or too much of it waited.
    LagExceeded,
    /// The client does not read its events.
    SlowReader,
    /// The stream to resume is not known, or no longer.
    UnknownStream,
    /// An operator ended the stream.
    EndedByOperator,
    /// The preset has reached its limit of streams.
    Capacity,
    /// The key has reached its limit of streams.
    KeyStreams,
    /// The server has reached its limit of streams.
    Streams,
    /// The server has reached its limit of connections.
    Connections,
    /// The address has reached its limit of connections.
    AddressConnections,
    /// The model cannot keep up with its current streams.
    Overloaded,
    /// The engine failed on this stream.
    EngineError,
    /// The preset's model cannot be served.
    EngineUnavailable,
    /// The engine did not return in time.
    EngineTimeout,
    /// The engine crashed twice on this stream.
    EngineCrashed,
    /// The journal is enabled but cannot be written.
    JournalFailed,
    /// A frame or message exceeds the size limit.
    TooLarge,
    /// The client did not send a request, or did not read the response, in time.
    SlowRequest,
    /// The web page's origin is not allowed.
    Origin,
    /// The listener does not allow the client's address.
    Address,
    /// The key is not an operator's.
    NotOperator,
    /// The server is shutting down.
    ShuttingDown,
}

impl FailureCode {
    /// The code that clients see. It does not reveal which of the server's limits was reached.
    #[must_use]
    pub fn for_clients(self) -> Self {
        match self {
            Self::KeyStreams | Self::Streams | Self::Connections | Self::AddressConnections => Self::Capacity,
            Self::Origin | Self::Address | Self::NotOperator => Self::Unauthorized,
            Self::SlowRequest => Self::IdleTimeout,
            other => other,
        }
    }

    /// The code's name, such as `unknown_preset`.
    pub fn name(self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(name)) => name,
            _ => format!("{self:?}"),
        }
    }
}

impl fmt::Display for FailureCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line() {
        let failure = Failure::new(FailureCode::BadMessage, "no preset `a\nb\u{1b}[2Kc`");
        assert_eq!(failure.message, "no preset `a b [2Kc`");
    }

    #[test]
    fn a_detail_is_for_the_operator() {
        let failure =
            Failure::new(FailureCode::EngineError, "the engine failed").with_detail("panicked at\nsrc/a.rs:1");
        assert_eq!(failure.explained(), "the engine failed: panicked at src/a.rs:1");
        let told = failure.for_client("4f");
        assert_eq!((&*told.message, told.detail), ("the engine failed; the server's log says why: stream 4f", None));
        let plain = Failure::new(FailureCode::BadAudio, "odd");
        assert_eq!((plain.explained(), plain.clone().for_client("4f")), ("odd".to_owned(), plain));
    }
}
