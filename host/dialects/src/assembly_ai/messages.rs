//! The messages of AssemblyAI's protocol for live audio, as JSON texts.
//!
//! Source: PyPI assemblyai 1.8.2, `streaming/v3/models`.

use auricle_core::{Failure, FailureCode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;

/// A text message of a client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum ClientMessage {
    /// Keeps the connection open.
    KeepAlive,
    /// The turn ends here.
    ForceEndpoint,
    /// The end of the audio.
    Terminate,
    /// Other settings for the audio that follows.
    UpdateConfiguration(Update),
}

/// Settings; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Update {
    /// The silence after which a turn ends, in ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_turn_silence: Option<u32>,
    /// Whether the ends of turns are marked as formatted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format_turns: Option<bool>,
    /// The phrases that are likely.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyterms_prompt: Option<Vec<String>>,
    /// Text before the audio.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// The languages that are likely.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language_codes: Option<Vec<String>>,
    /// Those that cannot change anything.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

impl ClientMessage {
    /// Reads a message.
    ///
    /// # Errors
    /// It is not JSON, or not a message of the protocol.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        serde_json::from_str(text)
            .map_err(|problem| Failure::new(FailureCode::BadMessage, format!("not a message of AssemblyAI: {problem}")))
    }
}

/// A text message of the server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum ServerMessage {
    /// The first message.
    Begin {
        /// The session's id.
        id: String,
        /// When the session must have ended, in seconds since 1970.
        expires_at: u64,
        /// What is in effect.
        #[serde(default)]
        configuration: Configuration,
    },
    /// Speech began.
    SpeechStarted {
        /// In ms of audio.
        timestamp: u64,
    },
    /// A turn, as it is so far.
    Turn(TurnEvent),
    /// The last message.
    Termination {
        /// Length of the audio.
        audio_duration_seconds: u64,
        /// Length of the session.
        session_duration_seconds: u64,
    },
    /// Something has no effect, or cannot change.
    Warning {
        /// The kind of warning.
        warning_code: u16,
        /// The reason, for people.
        warning: String,
    },
    /// The connection ends.
    Error {
        /// As in the close frame.
        error_code: u16,
        /// The reason, for people.
        error: String,
    },
}

/// What is in effect.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Configuration {
    /// The preset.
    #[serde(default)]
    pub model: String,
}

/// A turn, as it is so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TurnEvent {
    /// From 0.
    pub turn_order: u64,
    /// Whether its text has the form that the client asked for.
    pub turn_is_formatted: bool,
    /// Whether it has ended.
    pub end_of_turn: bool,
    /// Its final text.
    pub transcript: String,
    /// 1 at the end, else 0.
    pub end_of_turn_confidence: f64,
    /// Its words, also those that may change.
    pub words: Vec<Word>,
    /// The language, if the engine detected it and the client asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language_code: Option<String>,
}

/// A word.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Word {
    /// In ms of audio.
    pub start: u64,
    /// In ms of audio.
    pub end: u64,
    /// 0 to 1.
    pub confidence: f64,
    /// As in the text.
    pub text: String,
    /// Whether it will not change.
    pub word_is_final: bool,
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
    fn the_messages_of_clients_are_read() {
        let others = Map::from_iter([("vad_threshold".to_owned(), 0.5.into())]);
        let update = Update { max_turn_silence: Some(900), others, ..Update::default() };
        for (text, message) in [
            (r#"{"type":"KeepAlive"}"#, ClientMessage::KeepAlive),
            (r#"{"type":"ForceEndpoint"}"#, ClientMessage::ForceEndpoint),
            (r#"{"type": "Terminate"}"#, ClientMessage::Terminate),
            (
                r#"{"max_turn_silence":900,"vad_threshold":0.5,"type":"UpdateConfiguration"}"#,
                ClientMessage::UpdateConfiguration(update),
            ),
        ] {
            assert_eq!(ClientMessage::parse(text), Ok(message), "{text}");
        }
        for text in ["", "Terminate", r#"{"type":"CloseStream"}"#, r#"{"type":"UpdateConfiguration","prompt":1}"#] {
            assert_eq!(ClientMessage::parse(text).unwrap_err().code, FailureCode::BadMessage, "{text}");
        }
    }

    #[test]
    fn messages_look_as_those_of_assemblyai() {
        for text in [
            r#"{"type":"Begin","id":"i","expires_at":1700000000,"configuration":{"model":"p"}}"#,
            r#"{"type":"Turn","turn_order":1,"turn_is_formatted":true,"end_of_turn":true,"transcript":"One.","end_of_turn_confidence":1.0,"words":[{"start":500,"end":1250,"confidence":0.5,"text":"One.","word_is_final":true}]}"#,
            r#"{"type":"Termination","audio_duration_seconds":3,"session_duration_seconds":4}"#,
        ] {
            assert_eq!(serde_json::from_str::<ServerMessage>(text).unwrap().to_string(), text);
        }
    }
}
