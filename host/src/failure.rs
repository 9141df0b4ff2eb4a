//! Why a stream ends before its time: one table of codes for every protocol.
//!
//! The table in `docs/protocol.md` is checked against [`FailureCode::ALL`] by a test.

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
    pub fn new(code: FailureCode, message: impl Into<String>) -> Self {
        Self { code, message: one_line(message) }
    }
}

/// A text for a line of a log or a screen: spaces for what would end the line, or hide some of it.
pub fn one_line(text: impl Into<String>) -> String {
    let text = text.into();
    if text.contains(char::is_control) { text.replace(char::is_control, " ") } else { text }
}

macro_rules! failure_codes {
    ($($(#[$doc:meta])* $variant:ident = $close:literal,)+) => {
        /// The published codes. On a WebSocket the `error` event carries the name, the close frame the number.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum FailureCode {
            $($(#[$doc])* $variant,)+
        }

        impl FailureCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The WebSocket close code.
            pub fn close_code(self) -> u16 {
                match self {
                    $(Self::$variant => $close,)+
                }
            }
        }
    };
}

failure_codes! {
    /// A text frame that is not a message of the protocol, or one out of turn.
    BadMessage = 4400,
    /// No key, or one that the server does not know.
    Unauthorized = 4401,
    /// Audio that cannot be what `start` announced.
    BadAudio = 4402,
    /// A field the client may not set.
    ForbiddenField = 4403,
    /// No preset of that name.
    UnknownPreset = 4404,
    /// A field whose value the engine does not take.
    InvalidOption = 4405,
    /// A preset that the client's key is not for.
    ForbiddenPreset = 4406,
    /// Nothing came from the client for too long.
    IdleTimeout = 4408,
    /// A live stream's audio arrived faster than it could be worked on, for too long.
    LagExceeded = 4413,
    /// The client does not read its events.
    SlowReader = 4414,
    /// No room for another stream now.
    Capacity = 4429,
    /// The model is behind with the streams it has.
    Overloaded = 4430,
    /// The engine failed on this stream.
    EngineError = 4500,
    /// The preset's model cannot be served.
    EngineUnavailable = 4503,
    /// The engine did not return in time.
    EngineTimeout = 4504,
    /// The engine died of this stream, twice.
    EngineCrashed = 4505,
    /// What is said is to be kept, and cannot be.
    JournalFailed = 4507,
    /// A frame or message above the size limit.
    TooLarge = 1009,
    /// The server is going away.
    ShuttingDown = 1001,
}

impl FailureCode {
    /// The name on the wire, such as `unknown_preset`.
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
