//! The server's messages of WhisperLive, as they are on the wire.
//!
//! Every message has the client's `uid`. A client takes a message with `status` or `language` for nothing else, so one
//! with segments has neither.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fmt;

/// The binary message at the end of the audio.
pub const END: &[u8] = b"END_OF_AUDIO";
/// The message when audio may be sent.
pub const READY: &str = "SERVER_READY";
/// The message before the server closes because of a time limit, or because it stops.
pub const DISCONNECT: &str = "DISCONNECT";
/// With another backend, clients do not collect complete segments.
const BACKEND: &str = "faster_whisper";

/// A message of the server. `Display` writes it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ServerMessage {
    /// The id from the client's options.
    pub uid: Value,
    /// The kind of a message for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// [`READY`], [`DISCONNECT`], or the text that belongs to `status`; with `WAIT` a number of minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Value>,
    /// The kind of engine, with [`READY`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
    /// The language that was detected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The probability of that language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language_prob: Option<f64>,
    /// The last segments; only the last one may be incomplete.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<Segment>,
}

/// The kind of a message for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// The server is full.
    Wait,
    /// The server closes the connection.
    Error,
    /// The stream goes on.
    Warning,
}

/// A segment. Times are in seconds from the start of the audio, as text with three decimals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// Start.
    pub start: String,
    /// End.
    pub end: String,
    /// The text, with the space before it.
    pub text: String,
    /// Whether the text is final.
    #[serde(default)]
    pub completed: bool,
    /// The words, if they were asked for and the engine reports their times.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<Word>,
}

/// A word. Times are as in a segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Word {
    /// The word, with the space before it.
    pub word: String,
    /// Start.
    pub start: String,
    /// End.
    pub end: String,
    /// Confidence, 0 to 1, with four decimals.
    pub probability: f64,
}

impl ServerMessage {
    /// Audio may be sent.
    pub fn ready(uid: Value) -> Self {
        Self { uid, message: Some(READY.into()), backend: Some(BACKEND.into()), ..Self::default() }
    }

    /// The server closes because of a time limit, or because it stops.
    pub fn disconnect(uid: Value) -> Self {
        Self { uid, message: Some(DISCONNECT.into()), ..Self::default() }
    }

    /// The server is full; the client may try again after some minutes.
    pub fn wait(uid: Value, minutes: f64) -> Self {
        Self { uid, status: Some(Status::Wait), message: Some(json!(minutes)), ..Self::default() }
    }

    /// A text for people.
    pub fn status(uid: Value, status: Status, text: impl Into<String>) -> Self {
        Self { uid, status: Some(status), message: Some(Value::String(text.into())), ..Self::default() }
    }

    /// The language that was detected.
    pub fn language(uid: Value, language: String, probability: f64) -> Self {
        Self { uid, language: Some(language), language_prob: Some(probability), ..Self::default() }
    }

    /// The last segments.
    pub fn segments(uid: Value, segments: Vec<Segment>) -> Self {
        Self { uid, segments, ..Self::default() }
    }
}

impl fmt::Display for ServerMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_the_keys_that_clients_look_for() {
        let uid = || json!("u");
        let segment = Segment {
            start: "0.000".into(),
            end: "2.500".into(),
            text: " Hello".into(),
            completed: true,
            words: Vec::new(),
        };
        for (message, written) in [
            (ServerMessage::ready(uid()), r#"{"uid":"u","message":"SERVER_READY","backend":"faster_whisper"}"#),
            (ServerMessage::wait(uid(), 1.0), r#"{"uid":"u","status":"WAIT","message":1.0}"#),
            (ServerMessage::status(uid(), Status::Error, "no"), r#"{"uid":"u","status":"ERROR","message":"no"}"#),
            (ServerMessage::disconnect(uid()), r#"{"uid":"u","message":"DISCONNECT"}"#),
            (ServerMessage::language(uid(), "en".into(), 0.98), r#"{"uid":"u","language":"en","language_prob":0.98}"#),
            (
                ServerMessage::segments(uid(), vec![segment]),
                r#"{"uid":"u","segments":[{"start":"0.000","end":"2.500","text":" Hello","completed":true}]}"#,
            ),
        ] {
            assert_eq!(message.to_string(), written);
            assert_eq!(serde_json::from_str::<ServerMessage>(written).unwrap(), message);
        }
    }
}
