//! The messages of Flux, as JSON texts.
//!
//! Source: PyPI deepgram-sdk 7.17.0, `listen/v2`.

use auricle_core::{Failure, FailureCode};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A text message of a client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum ClientMessage {
    /// Keeps the connection open.
    KeepAlive,
    /// The turn ends here.
    ForceEndTurn,
    /// The end of the audio.
    CloseStream,
    /// Other settings for the audio that follows.
    Configure(Configure),
}

/// Settings; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Configure {
    /// When turns end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thresholds: Option<Thresholds>,
    /// The phrases that are likely.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyterms: Option<OneOrMany>,
    /// The languages that are likely.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language_hints: Option<OneOrMany>,
}

/// When turns end.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Thresholds {
    /// How sure an early end must be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eager_eot_threshold: Option<f64>,
    /// How sure an end must be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eot_threshold: Option<f64>,
    /// The silence after which a turn ends in any case, in ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eot_timeout_ms: Option<u32>,
}

/// A list, which may be written as its only element.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// The only element.
    One(String),
    /// The list.
    Many(Vec<String>),
}

impl OneOrMany {
    /// The elements.
    pub fn all(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

impl ClientMessage {
    /// Reads a message.
    ///
    /// # Errors
    /// It is not JSON, or not a message of the protocol.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        serde_json::from_str(text)
            .map_err(|problem| Failure::new(FailureCode::BadMessage, format!("not a message of Flux: {problem}")))
    }
}

/// A text message of the server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Numbered {
    /// What it says.
    #[serde(flatten)]
    pub message: ServerMessage,
    /// As in the header `dg-request-id`.
    pub request_id: String,
    /// Its number, from 0.
    pub sequence_id: u64,
}

/// What a message of the server says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum ServerMessage {
    /// The first message.
    Connected,
    /// Something has no effect.
    Warning {
        /// The kind of warning.
        code: String,
        /// The reason, for people.
        description: String,
    },
    /// What happened to a turn.
    TurnInfo(TurnInfo),
    /// `Configure` is accepted. What is in effect now.
    ConfigureSuccess {
        /// When turns end.
        thresholds: Thresholds,
        /// The phrases that are likely.
        keyterms: Vec<String>,
        /// The languages that are likely.
        language_hints: Vec<String>,
    },
    /// `Configure` is refused, and has changed nothing.
    ConfigureFailure {
        /// The reason, for programs.
        code: String,
        /// The reason, for people.
        description: String,
    },
    /// The connection ends.
    Error {
        /// The reason, for programs.
        code: String,
        /// The reason, for people.
        description: String,
    },
}

/// What happened to a turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TurnInfo {
    /// What happened.
    pub event: TurnEvent,
    /// From 0.
    pub turn_index: u64,
    /// Start of the turn's audio in seconds.
    pub audio_window_start: f64,
    /// Its end so far in seconds.
    pub audio_window_end: f64,
    /// The text of the turn so far.
    pub transcript: String,
    /// Its words.
    pub words: Vec<Word>,
    /// How sure the stage is that the turn is over. Without one 1 at the end, else 0.
    pub end_of_turn_confidence: f64,
    /// Why the turn has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Trigger>,
    /// The language, if the engine detected it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<String>,
    /// The language that the client has set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub languages_hinted: Vec<String>,
}

/// What happened to a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TurnEvent {
    /// It has its first text.
    StartOfTurn,
    /// It has another text.
    Update,
    /// It is probably over.
    EagerEndOfTurn,
    /// It goes on after that.
    TurnResumed,
    /// Its text is final.
    EndOfTurn,
}

/// Why a turn has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trigger {
    /// The engine or a stage found its end.
    Model,
    /// The client asked for it.
    Manual,
    /// Nothing was said for `eot_timeout_ms`.
    Timeout,
}

/// A word.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Word {
    /// As in the transcript.
    pub word: String,
    /// 0 to 1.
    pub confidence: f64,
    /// In seconds, if the engine reports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<f64>,
    /// As `start`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<f64>,
}

impl fmt::Display for Numbered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_messages_of_clients_are_read() {
        let thresholds = Thresholds { eot_timeout_ms: Some(900), ..Thresholds::default() };
        let keyterms = Some(OneOrMany::One("a".into()));
        let configure = Configure { thresholds: Some(thresholds), keyterms, language_hints: None };
        for (text, message) in [
            (r#"{"type":"ForceEndTurn"}"#, ClientMessage::ForceEndTurn),
            (r#"{"type": "CloseStream"}"#, ClientMessage::CloseStream),
            (r#"{"type":"Configure","numerals":null}"#, ClientMessage::Configure(Configure::default())),
            (
                r#"{"type":"Configure","thresholds":{"eot_timeout_ms":900},"keyterms":"a"}"#,
                ClientMessage::Configure(configure),
            ),
        ] {
            assert_eq!(ClientMessage::parse(text), Ok(message), "{text}");
        }
        for text in ["", "CloseStream", r#"{"type":"Finalize"}"#, r#"{"type":"Configure","keyterms":1}"#] {
            assert_eq!(ClientMessage::parse(text).unwrap_err().code, FailureCode::BadMessage, "{text}");
        }
    }

    #[test]
    fn messages_look_as_those_of_deepgram() {
        let connected =
            Numbered { message: ServerMessage::Connected, request_id: "r".to_owned(), sequence_id: 0 }.to_string();
        assert_eq!(connected, r#"{"type":"Connected","request_id":"r","sequence_id":0}"#);
        let told = r#"{"type":"TurnInfo","event":"EndOfTurn","turn_index":1,"audio_window_start":0.5,"audio_window_end":1.25,"transcript":"One.","words":[{"word":"One.","confidence":0.5,"start":0.5,"end":1.25}],"end_of_turn_confidence":1.0,"trigger":"timeout","request_id":"r","sequence_id":3}"#;
        assert_eq!(serde_json::from_str::<Numbered>(told).unwrap().to_string(), told);
    }
}
