//! vosk-server's messages in both directions, as they are on the wire. Audio is sent as binary frames of 16-bit
//! samples.
//!
//! Parsing a client's text never panics; the error for an invalid message is one line. The keys of [`ServerMessage`]
//! are in alphabetical order, as vosk writes them. Times are in seconds from the start of the connection's audio.

use super::{
    config::{Config, ConfigError},
    wire,
};
use auricle_core::{
    Failure, FailureCode,
    wording::{ParseError, from_json},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

/// The text is not a client's message.
#[derive(Debug, thiserror::Error)]
enum MessageError {
    #[error("a text message is {0}")]
    NoJson(ParseError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(r#"a text message must be one of {{"config": {{...}}}}, {{"eof": 1}}, {{"reset": 1}}"#)]
    Unknown,
}

/// A client's text message. `Display` writes it; `eof` and `reset` exactly as vosk-server expects them.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientMessage {
    /// Sets the audio format and options. Has no answer.
    Config(Config),
    /// Ends the audio: the server sends the last answer and closes.
    Eof,
    /// Requests the remaining text now; more audio may follow.
    Reset,
}

impl ClientMessage {
    /// Parses a text message: an object with `config`, else with a true `eof`, else with a true `reset`. Other keys are
    /// ignored.
    ///
    /// # Errors
    /// `bad_message`, with the problem and its place.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        Self::read(text).map_err(|problem| Failure::new(FailureCode::BadMessage, problem))
    }

    fn read(text: &str) -> Result<Self, MessageError> {
        let value: Value = from_json(text).map_err(MessageError::NoJson)?;
        let asked = |key: &str| match value.get(key) {
            Some(Value::Number(number)) => number.as_f64() != Some(0.0),
            Some(value) => *value == Value::Bool(true),
            None => false,
        };
        match value.get("config") {
            Some(config) => Ok(Self::Config(Config::read(config)?)),
            None if asked("eof") => Ok(Self::Eof),
            None if asked("reset") => Ok(Self::Reset),
            None => Err(MessageError::Unknown),
        }
    }
}

impl fmt::Display for ClientMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(config) => {
                let config = serde_json::to_string(config).map_err(|_| fmt::Error)?;
                write!(f, r#"{{ "config" : {config} }}"#)
            }
            Self::Eof => f.write_str(r#"{"eof" : 1}"#),
            Self::Reset => f.write_str(r#"{"reset" : 1}"#),
        }
    }
}

/// A message of the server, identified by its keys. `Display` writes it as vosk does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ServerMessage {
    /// The unstable text of the current utterance.
    Partial {
        /// Empty if there is no text yet.
        partial: String,
    },
    /// Final text, if alternatives were requested.
    Alternatives {
        /// Best first; never empty.
        alternatives: Vec<Alternative>,
    },
    /// Final text.
    Final {
        /// The words, if requested and if the engine reports their times.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        result: Vec<Word>,
        /// Empty if nothing was recognised.
        text: String,
    },
    /// The failure because of which the server closes; vosk-server closes without a message.
    Error {
        /// The code, as in the native protocol.
        code: FailureCode,
        /// A description for people.
        error: String,
    },
}

impl From<Failure> for ServerMessage {
    fn from(Failure { code, message, .. }: Failure) -> Self {
        Self::Error { code: code.for_clients(), error: message }
    }
}

impl fmt::Display for ServerMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&wire::write(self).map_err(|_| fmt::Error)?)
    }
}

/// One possible text of an utterance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alternative {
    /// 0 to 1 here; vosk writes an unbounded likelihood.
    pub confidence: f64,
    /// The words as in a final text, without `conf`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub result: Vec<Word>,
    /// Empty if nothing was recognised.
    pub text: String,
}

/// A word with its times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Word {
    /// Confidence, 0 to 1; absent in alternatives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conf: Option<f64>,
    /// End in seconds.
    pub end: f64,
    /// Start in seconds.
    pub start: f64,
    /// The word.
    pub word: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ends_are_known_however_they_are_spaced() {
        for (text, expected) in [
            (r#"{"eof" : 1}"#, ClientMessage::Eof),
            (r#"{"eof":1}"#, ClientMessage::Eof),
            (r#"{ "eof": true, "more": null }"#, ClientMessage::Eof),
            (r#"{"reset" : 1}"#, ClientMessage::Reset),
            (r#"{"reset":1,"eof":0}"#, ClientMessage::Reset),
            (r#"{"config": {}, "eof": 1}"#, ClientMessage::Config(Config::default())),
        ] {
            assert_eq!(ClientMessage::parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused_in_one_line() {
        for text in
            ["", "EOS", "{}", "[]", "1", r#""config""#, r#"{"eof": 0}"#, r#"{"eof": "1"}"#, r#"{"type": "a\nb"}"#]
        {
            let failure = ClientMessage::parse(text).unwrap_err();
            assert_eq!(failure.code, FailureCode::BadMessage, "{text}");
            assert!(!failure.message.contains(char::is_control), "{failure}");
        }
    }

    #[test]
    fn answers_are_told_apart() {
        let word = |conf| Word { conf, end: 0.9, start: 0.1, word: "one".into() };
        let alternative = Alternative { confidence: 110.3, result: vec![word(None)], text: "one".into() };
        for message in [
            ServerMessage::Partial { partial: String::new() },
            ServerMessage::Final { result: Vec::new(), text: String::new() },
            ServerMessage::Final { result: vec![word(Some(0.5))], text: "one".into() },
            ServerMessage::Alternatives { alternatives: vec![alternative] },
            Failure::new(FailureCode::UnknownPreset, "no preset `x`").into(),
        ] {
            assert_eq!(serde_json::from_str::<ServerMessage>(&message.to_string()).unwrap(), message);
        }
        // vosk itself adds these fields with a speaker model.
        let with_speaker = r#"{"spk": [0.1], "spk_frames": 60, "text": "one"}"#;
        let expected = ServerMessage::Final { result: Vec::new(), text: "one".into() };
        assert_eq!(serde_json::from_str::<ServerMessage>(with_speaker).unwrap(), expected);
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            prop_oneof!["[0-9.eE+-]{0,8}", ".{0,8}"].prop_map(Value::from),
        ];
        let key = prop_oneof![
            Just("config"),
            Just("eof"),
            Just("reset"),
            Just("sample_rate"),
            Just("words"),
            Just("max_alternatives"),
            Just("phrase_list"),
            Just("model"),
            Just("other"),
        ];
        leaf.prop_recursive(3, 24, 6, move |inner| {
            let keyed = (key.clone().prop_map(str::to_owned), inner.clone());
            prop_oneof![
                prop::collection::vec(inner, 0..4).prop_map(Value::from),
                prop::collection::vec(keyed, 0..6).prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    fn holds(text: &str) -> Result<(), TestCaseError> {
        match ClientMessage::parse(text) {
            Ok(message) => prop_assert_eq!(ClientMessage::parse(&message.to_string()), Ok(message)),
            Err(failure) => prop_assert!(!failure.message.contains(char::is_control), "{}", failure),
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".*") {
            holds(&text)?;
        }

        #[test]
        fn any_json_is_read_or_refused(value in json(), config in any::<bool>()) {
            let value = if config { serde_json::json!({"config": value}) } else { value };
            holds(&value.to_string())?;
        }
    }
}
