//! Why a request, connection or stream is refused or ends before its time: one table of codes for every protocol.
//!
//! How a protocol says it (an HTTP status, a close code) is that protocol's own table.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A stream's or request's failure: a code for programs, a line for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// For programs.
    pub code: FailureCode,
    /// For people: what was wrong and what to do.
    pub message: String,
}

impl Failure {
    /// A failure of the given code. What the message quotes of a client cannot make it more than one line.
    pub fn new(code: FailureCode, message: impl fmt::Display) -> Self {
        Self { code, message: one_line(message) }
    }
}

/// A text for a line of a log or a screen: spaces for what would end the line, or hide some of it.
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
    /// A message that is not one of the protocol, or one out of turn.
    BadMessage,
    /// No key, or one that the server does not know.
    Unauthorized,
    /// Audio that cannot be what was announced.
    BadAudio,
    /// A field the client may not set.
    ForbiddenField,
    /// No preset of that name.
    UnknownPreset,
    /// A field whose value the engine does not take.
    InvalidOption,
    /// A preset that the client's key is not for.
    ForbiddenPreset,
    /// Nothing came from the client for too long.
    IdleTimeout,
    /// A live stream's audio arrived faster than it could be worked on, for too long.
    LagExceeded,
    /// The client does not read its events.
    SlowReader,
    /// No room for another stream of this preset now.
    Capacity,
    /// The key has all the streams it may have.
    KeyStreams,
    /// The server has all the streams it may have.
    Streams,
    /// The server has all the connections it may have.
    Connections,
    /// The address has all the connections it may have.
    AddressConnections,
    /// The model is behind with the streams it has.
    Overloaded,
    /// The engine failed on this stream.
    EngineError,
    /// The preset's model cannot be served.
    EngineUnavailable,
    /// The engine did not return in time.
    EngineTimeout,
    /// The engine died of this stream, twice.
    EngineCrashed,
    /// What is said is to be kept, and cannot be.
    JournalFailed,
    /// A frame or message above the size limit.
    TooLarge,
    /// A request that was not sent, or whose answer was not taken, in time.
    SlowRequest,
    /// A web page that is not on the list.
    Origin,
    /// An address that the listener does not serve.
    Address,
    /// A key that is not the operator's.
    NotOperator,
    /// The server is going away.
    ShuttingDown,
}

impl FailureCode {
    /// The code that clients are told: of what the server has too little is its operator's matter.
    #[must_use]
    pub fn for_clients(self) -> Self {
        match self {
            Self::KeyStreams | Self::Streams | Self::Connections | Self::AddressConnections => Self::Capacity,
            Self::Origin | Self::Address | Self::NotOperator => Self::Unauthorized,
            Self::SlowRequest => Self::IdleTimeout,
            other => other,
        }
    }

    /// The name, such as `unknown_preset`.
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
}
