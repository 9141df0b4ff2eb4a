//! The messages of the native protocol, both directions, as they are on the wire.
//!
//! `docs/asyncapi.yaml` describes the same; a test holds it against real traffic. Times are seconds from the start of
//! the stream (of the epoch, after a reset), rounded to milliseconds.

use auricle_core::{AudioFormat, Encoding, Failure, FailureCode};

pub use auricle_core::Pace;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a client sends as text; audio comes as binary frames. (Empty braces, because serde lets a variant without them have
/// unknown fields.)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ClientMessage {
    /// Opens the stream: the first message.
    Start(Start),
    /// Decodes everything sent so far, answers with its segments and `flushed`; the stream goes on.
    Flush {},
    /// The audio ends: the rest is decoded, then `done`, then the server closes.
    Finish {},
    /// Discards everything not yet reported and starts at time 0, in a new epoch.
    Reset {},
}

impl ClientMessage {
    /// Reads a text message.
    ///
    /// # Errors
    /// `bad_message`, with what is wrong and where.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        serde_json::from_str(text).map_err(|error| {
            Failure::new(FailureCode::BadMessage, format!("a text message is not one of this protocol: {error}"))
        })
    }
}

/// How the stream is to be recognised and what audio will come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// A preset's name, see `GET /v1/presets`.
    pub preset: String,
    /// Stream fields that the preset opens to clients.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub options: Map<String, Value>,
    /// How a sample of the binary frames is written.
    #[serde(default)]
    pub format: Encoding,
    /// Frames per second, 8,000 to 192,000.
    #[serde(default = "default_rate")]
    pub sample_rate: u32,
    /// Samples per frame, 1 to 8.
    #[serde(default = "default_channels")]
    pub channels: u16,
    /// The channel to hear, from 0; all of them mixed where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<u16>,
    /// Who sets the pace.
    #[serde(default)]
    pub pace: Pace,
}

impl Start {
    /// The audio's format, unchecked.
    pub fn audio(&self) -> AudioFormat {
        let Self { format: encoding, sample_rate, channels, channel, .. } = *self;
        AudioFormat { encoding, sample_rate, channels, channel }
    }
}

fn default_rate() -> u32 {
    AudioFormat::default().sample_rate
}

fn default_channels() -> u16 {
    AudioFormat::default().channels
}

/// What the server sends, with its number: 0, 1, 2, ... over the whole connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerMessage {
    /// Never restarts, not even at a reset.
    pub seq: u64,
    /// The event.
    #[serde(flatten)]
    pub event: ServerEvent,
}

/// The events of a stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerEvent {
    /// The stream is open, or open anew after a reset.
    Ready(Ready),
    /// Somebody began to speak.
    SpeechStarted {
        /// When.
        time: f64,
    },
    /// The unstable text after the last segment; replaces the partial before it.
    Partial(Text),
    /// Final text.
    Segment(Text),
    /// The speaker paused: what was said is whole.
    Endpoint {
        /// When.
        time: f64,
    },
    /// The stream is behind by so much audio; 0 once it has caught up.
    Lag {
        /// Audio received and not yet worked on.
        seconds: f64,
    },
    /// Audio that was lost to a failure on the server's side.
    Gap {
        /// First moment lost.
        start: f64,
        /// First moment heard again.
        end: f64,
    },
    /// Answers `flush`: everything up to this frame of the input has been reported.
    Flushed {
        /// Frames (one sample of each channel) received in this epoch before the flush, at the client's rate.
        sample: u64,
    },
    /// The stream failed; the connection is closed next.
    Error {
        /// See the table of codes.
        code: FailureCode,
        /// For people.
        message: String,
    },
    /// Everything has been reported; the connection is closed next.
    Done {
        /// Audio heard.
        seconds: f64,
    },
}

/// An open stream's facts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ready {
    /// The stream's id, as in the server's log.
    pub stream: String,
    /// 0, one more after each reset.
    pub epoch: u32,
    /// As in `start`.
    pub preset: String,
    /// The engine.
    pub backend: String,
    /// Joins segments' texts.
    pub separator: String,
    /// What the model hears, in samples per second.
    pub sample_rate: u32,
    /// How much audio the engine takes at a time, in seconds.
    pub chunk_seconds: f64,
    /// BCP 47 tags; empty where the engine cannot say.
    pub languages: Vec<String>,
    /// What to expect: `partials`, `word-times`, ...
    pub capabilities: Vec<String>,
    /// The audio format as understood.
    pub audio: AudioFormat,
}

/// A text with its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Text {
    /// Seconds.
    pub start: f64,
    /// Seconds.
    pub end: f64,
    /// Without outer white space.
    pub text: String,
    /// 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f32>,
    /// BCP 47.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Where the engine times words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<TextWord>,
    /// What else the engine says.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
}

/// A word of a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextWord {
    /// Seconds.
    pub start: f64,
    /// Seconds.
    pub end: f64,
    /// The word.
    pub text: String,
    /// 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f32>,
    /// What else the engine says.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_a_message_says_is_quoted_in_one_line() {
        let failure = ClientMessage::parse(r#"{"type": "a\nINFO forged\u001b[2K"}"#).unwrap_err();
        assert!(failure.message.contains("`a INFO forged [2K`"), "{failure}");
    }

    proptest! {
        #[test]
        fn a_number_comes_back_to_the_bit(number in proptest::num::f64::NORMAL) {
            let Ok(Value::Number(read)) = serde_json::from_str(&Value::from(number).to_string()) else { panic!("no number") };
            prop_assert_eq!(read.as_f64(), Some(number));
        }
    }
}
