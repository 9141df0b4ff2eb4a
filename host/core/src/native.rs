//! The messages of the native protocol in both directions, as they are on the wire.
//!
//! `docs/asyncapi.yaml` describes them; a test compares it with real traffic. Times are in seconds from the start of
//! the stream (after a reset, of the epoch), rounded to milliseconds.

mod text;

pub use crate::Pace;
pub use text::{Text, TextWord};

use crate::{
    AudioFormat, Encoding, Failure, FailureCode,
    wording::{ParseError, from_json, from_value},
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A client's text message. Audio is sent as binary frames.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientMessage {
    /// Opens the stream: the first message.
    Start(Start),
    /// Goes on with a stream whose connection broke: the first message in place of `start`.
    Resume(Resume),
    /// The client has what was sent up to this number.
    Ack(Ack),
    /// Decodes all audio received so far and answers with its segments and `flushed`; the stream continues.
    Flush,
    /// Ends the turn of the speaker, if one is open: `turn_ended` follows. Only for presets that find turns.
    EndTurn,
    /// Ends the audio: the rest is decoded, `done` is sent, and the server closes.
    Finish,
    /// Discards everything not yet reported and restarts at time 0, in a new epoch.
    Reset,
}

impl ClientMessage {
    /// Parses a text message.
    ///
    /// # Errors
    /// `bad_message`, with the problem and its place.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        Self::read(text)
            .map_err(|error| Failure::new(FailureCode::BadMessage, format!("not a valid text message: {error}")))
    }

    /// In two steps, because `serde` does not name the field of an error if it finds the type and the fields in one.
    fn read(text: &str) -> Result<Self, ParseError> {
        let mut fields: Map<String, Value> = from_json(text)?;
        let name = fields.remove("type");
        let MessageType { name } = from_value(".", name.map(|name| ("type".to_owned(), name)).into_iter().collect())?;
        let fields = Value::Object(fields);
        let message = match name {
            TypeName::Start => return from_value(".", fields).map(Self::Start),
            TypeName::Resume => return from_value(".", fields).map(Self::Resume),
            TypeName::Ack => return from_value(".", fields).map(Self::Ack),
            TypeName::Flush => Self::Flush,
            TypeName::EndTurn => Self::EndTurn,
            TypeName::Finish => Self::Finish,
            TypeName::Reset => Self::Reset,
        };
        from_value(".", fields).map(|NoFields {}| message)
    }
}

#[derive(Deserialize)]
struct MessageType {
    #[serde(rename = "type")]
    name: TypeName,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum TypeName {
    Start,
    Resume,
    Ack,
    Flush,
    EndTurn,
    Finish,
    Reset,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoFields {}

/// Settings of a stream, and the format of its audio.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// Name of a preset, as listed at `GET /v1/presets`.
    pub preset: String,
    /// Engine options that the preset allows clients to set.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub options: Map<String, Value>,
    /// Encoding of the samples in binary frames.
    #[serde(default)]
    pub format: Encoding,
    /// Sample rate in Hz, 8,000 to 192,000.
    #[serde(default = "default_rate")]
    pub sample_rate: u32,
    /// Number of channels, 1 to 8.
    #[serde(default = "default_channels")]
    pub channels: u16,
    /// The channel to use, from 0; by default all are mixed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<u16>,
    /// Whether each channel has a transcript of its own: `channel` of a message says whose it is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub multichannel: bool,
    /// Whether the audio is live or from a file.
    #[serde(default)]
    pub pace: Pace,
    /// Whether the stream goes on without a connection for a while, so that the client can resume it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resume: bool,
}

/// Goes on with a stream in a new connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resume {
    /// The stream's id, from `ready`.
    pub stream: String,
    /// The token from `ready`, or from the last `resumed`.
    pub token: String,
    /// The number of the last message that the client has; none if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seq: Option<u64>,
    /// What the client has; without it a stream whose server has died is not found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Told>,
}

/// What a client has of the messages of an epoch. Times are those of the messages.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// The epoch of the last `ready`.
    pub epoch: u32,
    /// Number of `flushed` in this epoch.
    pub flushes: u64,
    /// Number of `speech_started`, `segment` and `endpoint` in this epoch.
    pub events: u64,
    /// `end` of the last segment of this epoch; 0 if there is none.
    pub text_end: f64,
    /// `text` of that segment, or its end: its words are not told again if their times change.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// `time` of the last `speech_started` or `endpoint` of this epoch; 0 if there is none.
    pub event_time: f64,
}

/// What stored audio positions survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Survives {
    /// The death of the server's process.
    Process,
    /// That of its machine, too.
    Machine,
}

/// How a stream goes on whose server has died meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seam {
    /// As if nothing had happened.
    Exact,
    /// No audio is lost, but words near the seam may differ.
    Lossless,
}

/// Which messages the client has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ack {
    /// The number of the last message that the client has.
    pub seq: u64,
}

impl Start {
    /// The audio format; not validated.
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

/// A message of the server, with its sequence number: 0, 1, 2, ... over the whole stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerMessage {
    /// The sequence number; it continues after a reset, and in the next connection of the stream. `ack`, `resumed` and
    /// `going_away` have none, because they are about the connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// If each channel has a transcript: the channel that the event is about, from 0. What is about all channels has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<u16>,
    /// The event.
    #[serde(flatten)]
    pub event: ServerEvent,
}

/// The events of a stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerEvent {
    /// The stream is open, or open again after a reset.
    Ready(Ready),
    /// Something that `start` asked for is not done; after `ready`.
    Warning {
        /// The option.
        field: String,
        /// What is not done, and why, for people.
        message: String,
    },
    /// Speech started.
    SpeechStarted {
        /// Time of the start.
        time: f64,
    },
    /// Unstable text after the last segment; replaces the previous partial.
    Partial(Text),
    /// Final text.
    Segment(Text),
    /// The speaker paused: an utterance is complete.
    Endpoint {
        /// Time of the pause.
        time: f64,
    },
    /// The speaker began to speak: a turn starts.
    TurnStarted(TurnEvent),
    /// The turn goes on.
    TurnUpdate(TurnEvent),
    /// The turn is probably over: `turn_resumed` or `turn_ended` follows.
    TurnEagerEnd(TurnEvent),
    /// After `turn_eager_end`: the speaker goes on.
    TurnResumed(TurnEvent),
    /// The turn is over.
    TurnEnded(TurnEnd),
    /// How far the stream is behind; 0 once it has caught up.
    Lag {
        /// How long the oldest waiting audio has waited for the engine since the server received it.
        seconds: f64,
    },
    /// Audio lost by a failure of the server.
    Gap {
        /// Start of the lost audio.
        start: f64,
        /// End of the lost audio.
        end: f64,
    },
    /// The engine reported no text although somebody speaks, and was started anew.
    Restarted {
        /// Where: it gets the audio from there on again.
        time: f64,
    },
    /// Answers `flush`: everything up to this sample has been reported.
    Flushed {
        /// Samples per channel received in this epoch before the flush, at the client's rate.
        sample: u64,
    },
    /// The stream failed; the connection is closed next.
    Error {
        /// See the table of failure codes.
        code: FailureCode,
        /// A description for people.
        message: String,
    },
    /// What the server has of the audio, about once a second. Only if the stream can be resumed.
    Ack(Heard),
    /// Answers `resume`: what the server has. The messages after `last_seq` follow.
    Resumed(Resumed),
    /// The server is about to stop. The stream goes on meanwhile.
    GoingAway {
        /// Time until the server finishes the stream.
        seconds: f64,
    },
    /// Everything has been reported; the connection is closed next.
    Done {
        /// Length of the processed audio.
        seconds: f64,
    },
}

/// Something that happened to a turn of the speaker.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TurnEvent {
    /// The number of the turn in this epoch, from 1.
    pub turn: u64,
    /// Where in the audio: where speech begins or goes on, or where a pause begins.
    pub time: f64,
    /// How sure the server is that the turn is over, 0 to 1, if it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f32>,
}

/// The end of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TurnEnd {
    /// The number of the turn.
    pub turn: u64,
    /// Where the turn ended in the audio.
    pub time: f64,
    /// Why it is over.
    pub trigger: TurnTrigger,
    /// How sure the server is, 0 to 1, if it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f32>,
}

/// Why a turn is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TurnTrigger {
    /// The server found that it is.
    Model,
    /// The client sent `end_turn`, `flush` or `finish`.
    Manual,
    /// It lasted too long.
    Timeout,
}

/// Properties of an open stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ready {
    /// Id of the stream, also used in the server's log.
    pub stream: String,
    /// 0 at first, one more after each reset.
    pub epoch: u32,
    /// Name of the preset.
    pub preset: String,
    /// Name of the engine's backend.
    pub backend: String,
    /// Separator between the texts of segments.
    pub separator: String,
    /// Sample rate of the model, in Hz.
    pub sample_rate: u32,
    /// Length of the engine's audio chunks, in seconds.
    pub chunk_seconds: f64,
    /// Languages as BCP 47 tags; empty if the engine does not list them.
    pub languages: Vec<String>,
    /// Capabilities of the engine: `partials`, `word-times`, ...
    pub capabilities: Vec<String>,
    /// The audio format of the stream.
    pub audio: AudioFormat,
    /// Whether each channel has a transcript of its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub multichannel: bool,
    /// How to resume the stream; only if `start` asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<ResumeOffer>,
}

/// How a stream can be resumed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ResumeOffer {
    /// The token for the next `resume`. A secret: who has it and the key can take the stream over.
    pub token: String,
    /// How long the stream goes on without a connection.
    pub seconds: f64,
    /// If the server stores how far the stream is: what that survives. Then acknowledge messages whenever an `ack` comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub survives: Option<Survives>,
}

/// What the server has of the audio of this epoch, in samples per channel at the client's rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// The number of resets before.
    pub epoch: u32,
    /// The server has the audio before this.
    pub received: u64,
    /// The audio before this is not needed again even if this server dies.
    pub durable: u64,
    /// What `durable` survives, if it is stored. Otherwise the text of the audio before it is final.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub survives: Option<Survives>,
}

/// The state of a stream that is resumed. All that the client sent after it is lost and must be sent again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resumed {
    /// The stream's id.
    pub stream: String,
    /// The number of resets that the server has received.
    pub epoch: u32,
    /// Samples per channel of this epoch that the server has.
    pub received: u64,
    /// The number of flushes of this epoch that the server has received.
    pub flushes: u64,
    /// Whether the server has received `finish`.
    pub finished: bool,
    /// The number of messages after `last_seq` that the server no longer has.
    pub missed: u64,
    /// How the stream goes on, if the server has died meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seam: Option<Seam>,
    /// How to resume it the next time.
    pub resume: ResumeOffer,
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

    #[test]
    fn a_wrong_field_is_named_with_what_it_must_be() {
        for (text, problem) in [
            (
                r#"{"type": "start", "preset": "p", "sample_rate": "16k"}"#,
                "`sample_rate` must be a whole number from 0 to 4294967295, not the string \"16k\"",
            ),
            (r#"{"type": "start", "preset": "p", "format": "mp3"}"#, "`format` must be one of "),
            (r#"{"type": "start", "preset": "p", "pace": 1}"#, "`pace` must be "),
            (r#"{"type": "start", "preset": "p", "rate": 1}"#, "unknown field `rate`; known are `preset`, "),
            (r#"{"type": "start"}"#, "the field `preset` is missing"),
            (r#"{"type": "start", "preset": "p", "options": []}"#, "`options` must be an object, not a list"),
            (
                r#"{"type": "stop"}"#,
                "`type` must be one of `start`, `resume`, `ack`, `flush`, `end_turn`, `finish`, `reset`, not `stop`",
            ),
            (r#"{"type": 1}"#, "`type` must be "),
            (r#"{"preset": "p"}"#, "the field `type` is missing"),
            (r#"{"type": "finish", "now": true}"#, "unknown field `now`; there are none here"),
            ("[]", "it must be an object, not a list"),
            ("start", "not JSON: there is no value"),
        ] {
            let failure = ClientMessage::parse(text).unwrap_err();
            assert!(failure.message.contains(problem), "{text}: {failure}");
        }
        let resume = Resume { stream: "s".into(), token: "t".into(), last_seq: Some(7), told: Some(Told::default()) };
        let more = [ClientMessage::Resume(resume), ClientMessage::Ack(Ack { seq: 7 })];
        let plain = [ClientMessage::Flush, ClientMessage::EndTurn, ClientMessage::Finish, ClientMessage::Reset];
        for message in plain.into_iter().chain(more) {
            assert_eq!(ClientMessage::parse(&serde_json::to_string(&message).unwrap()), Ok(message));
        }
    }

    proptest! {
        #[test]
        fn a_number_comes_back_to_the_bit(number in proptest::num::f64::NORMAL) {
            let Ok(Value::Number(read)) = serde_json::from_str(&Value::from(number).to_string()) else { panic!("no number") };
            prop_assert_eq!(read.as_f64(), Some(number));
        }
    }
}
