//! The messages of Deepgram's live protocol, as JSON texts.

use auricle_core::{Failure, FailureCode};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A text message of a client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum ClientMessage {
    /// Keeps the connection open.
    KeepAlive,
    /// Asks for the text of all audio so far.
    Finalize {
        /// The channel, from 0; by default all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        channel: Option<u64>,
    },
    /// The end of the audio.
    CloseStream,
    /// Other settings for the audio that follows.
    Configure {
        /// The phrases that are likely from here on; absent if they stay.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        keyterms: Option<Vec<String>>,
    },
}

impl ClientMessage {
    /// Reads a message.
    ///
    /// # Errors
    /// It is not JSON, or not a message of the protocol.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        serde_json::from_str(text)
            .map_err(|problem| Failure::new(FailureCode::BadMessage, format!("not a message of Deepgram: {problem}")))
    }
}

/// A text message of the server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum ServerMessage {
    /// Text.
    Results(Results),
    /// Speech began.
    SpeechStarted {
        /// The channel, and the number of channels.
        channel: [u16; 2],
        /// In seconds.
        timestamp: f64,
    },
    /// No word followed for a time.
    UtteranceEnd {
        /// The channel, and the number of channels.
        channel: [u16; 2],
        /// In seconds.
        last_word_end: f64,
    },
    /// The last message.
    Metadata(Metadata),
    /// `Configure` is accepted.
    ConfigureSuccess {
        /// As in the header `dg-request-id`.
        request_id: String,
    },
    /// `Configure` is refused.
    ConfigureFailure {
        /// As in the header `dg-request-id`.
        request_id: String,
        /// The reason, for programs.
        code: String,
        /// The reason, for people.
        description: String,
    },
    /// The connection ends.
    Error {
        /// The kind of error.
        variant: String,
        /// The reason, for people.
        description: String,
    },
}

/// Text of a part of the audio. The parts of final results follow each other without gaps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// The channel, and the number of channels.
    pub channel_index: [u16; 2],
    /// Length of the part in seconds.
    pub duration: f64,
    /// Start of the part in seconds.
    pub start: f64,
    /// Whether the text stays as it is.
    #[serde(default)]
    pub is_final: bool,
    /// Whether the speaker paused after it.
    #[serde(default)]
    pub speech_final: bool,
    /// The text.
    pub channel: Channel,
    /// The request and the model.
    pub metadata: ResultsMetadata,
    /// Whether it answers a `Finalize`.
    #[serde(default)]
    pub from_finalize: bool,
}

/// The text of a channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Channel {
    /// Always one.
    pub alternatives: Vec<Alternative>,
}

/// A transcript.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alternative {
    /// The text.
    pub transcript: String,
    /// 0 to 1.
    pub confidence: f64,
    /// The language, if the engine detected it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<String>,
    /// The words, if the engine reports their times.
    pub words: Vec<Word>,
}

/// A word.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Word {
    /// In lower case, without punctuation.
    pub word: String,
    /// In seconds.
    pub start: f64,
    /// In seconds.
    pub end: f64,
    /// 0 to 1.
    pub confidence: f64,
    /// As in the transcript.
    #[serde(default)]
    pub punctuated_word: String,
}

/// The request and the model of a result.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ResultsMetadata {
    /// As in the header `dg-request-id`.
    pub request_id: String,
    /// The model.
    pub model_info: ModelInfo,
    /// Not used.
    pub model_uuid: String,
}

/// A model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// The preset.
    pub name: String,
    /// Not used.
    pub version: String,
    /// The engine.
    pub arch: String,
}

/// The end of a stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// Not used.
    pub transaction_key: String,
    /// As in the header `dg-request-id`.
    pub request_id: String,
    /// SHA-256 of the audio, in hexadecimal digits.
    pub sha256: String,
    /// When the connection began, as in RFC 3339.
    pub created: String,
    /// Length of the audio in seconds.
    pub duration: f64,
    /// The number of channels.
    pub channels: u16,
    /// Parameters without effect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

/// A parameter without effect, or a part of the audio that was not heard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Warning {
    /// The parameter's name; empty for audio.
    pub parameter: String,
    /// The kind of warning.
    #[serde(rename = "type")]
    pub kind: String,
    /// The reason, for people.
    pub message: String,
}

impl Warning {
    /// For a parameter that has no effect.
    pub fn without_effect(parameter: &str) -> Self {
        Self {
            parameter: parameter.to_owned(),
            kind: "unsupported_model".to_owned(),
            message: format!("`{parameter}` has no effect on this server"),
        }
    }

    /// For a part of the audio that was not heard.
    pub fn unheard(message: String) -> Self {
        Self { parameter: String::new(), kind: "incomplete_audio".to_owned(), message }
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
    fn the_messages_of_clients_are_read() {
        for (text, message) in [
            (r#"{"type": "KeepAlive"}"#, ClientMessage::KeepAlive),
            (r#"{"type":"Finalize"}"#, ClientMessage::Finalize { channel: None }),
            (r#"{"type":"Finalize","channel":0}"#, ClientMessage::Finalize { channel: Some(0) }),
            (r#"{"type":"CloseStream","more":1}"#, ClientMessage::CloseStream),
            (r#"{"type":"Configure","features":{"numerals":true}}"#, ClientMessage::Configure { keyterms: None }),
        ] {
            assert_eq!(ClientMessage::parse(text), Ok(message), "{text}");
        }
        for text in ["", "KeepAlive", "[]", r#"{"type":"keepalive"}"#, "{\"type\":\"a\nb\"}"] {
            let failure = ClientMessage::parse(text).unwrap_err();
            assert!(
                failure.code == FailureCode::BadMessage && !failure.message.contains(char::is_control),
                "{failure}"
            );
        }
    }

    #[test]
    fn messages_look_as_those_of_deepgram() {
        let started = ServerMessage::SpeechStarted { channel: [0, 1], timestamp: 1.25 };
        assert_eq!(started.to_string(), r#"{"type":"SpeechStarted","channel":[0,1],"timestamp":1.25}"#);
        let end = ServerMessage::UtteranceEnd { channel: [0, 1], last_word_end: 2.5 };
        assert_eq!(end.to_string(), r#"{"type":"UtteranceEnd","channel":[0,1],"last_word_end":2.5}"#);
    }
}
