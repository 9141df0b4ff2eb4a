//! The messages of the protocol, as JSON texts.

use crate::{
    base64_text::decode,
    openai::{ErrorFields, Logprob, Problem, Usage, error_body},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::{borrow::Cow, fmt};
use tokio_tungstenite::tungstenite::Bytes;

/// The two forms of sessions and items.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Shape {
    /// That of `session.update`.
    #[default]
    Current,
    /// That of `transcription_session.update`, which OpenAI's service had first.
    Beta,
}

/// A message of a client.
#[derive(Debug)]
pub struct ClientMessage {
    /// The id that the client gave it.
    pub event_id: Option<String>,
    /// What it asks for.
    pub event: Result<ClientEvent, Problem>,
}

/// What a client asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientEvent {
    /// Changes the session.
    Update(Shape, Map<String, Value>),
    /// More audio.
    Append(Bytes),
    /// The audio so far is an item.
    Commit,
    /// The audio since the last item is dropped.
    Clear,
}

#[derive(Deserialize)]
struct Raw<'a> {
    event_id: Option<String>,
    #[serde(borrow, default, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    audio: Cow<'a, str>,
    session: Option<Map<String, Value>>,
}

impl ClientMessage {
    /// Reads a message.
    pub fn parse(text: &str) -> Self {
        match serde_json::from_str::<Raw<'_>>(text) {
            Ok(Raw { event_id, kind, audio, session }) => Self { event_id, event: event(&kind, &audio, session) },
            Err(problem) => {
                let problem = Problem::malformed(format!("not a message of the Realtime API: {problem}"));
                Self { event_id: None, event: Err(problem) }
            }
        }
    }
}

fn event(kind: &str, audio: &str, session: Option<Map<String, Value>>) -> Result<ClientEvent, Problem> {
    let update = |shape| Ok(ClientEvent::Update(shape, session.ok_or_else(|| Problem::missing("session"))?));
    match kind {
        "session.update" => update(Shape::Current),
        "transcription_session.update" => update(Shape::Beta),
        "input_audio_buffer.append" => match decode(audio) {
            Ok(audio) => Ok(ClientEvent::Append(audio.into())),
            Err(problem) => Err(Problem::invalid("audio", format!("must be base64: {problem}"))),
        },
        "input_audio_buffer.commit" => Ok(ClientEvent::Commit),
        "input_audio_buffer.clear" => Ok(ClientEvent::Clear),
        "" => Err(Problem::missing("type")),
        other => {
            let known = "`session.update`, `transcription_session.update`, `input_audio_buffer.append`, \
                         `input_audio_buffer.commit` or `input_audio_buffer.clear`";
            Err(Problem::invalid("type", format!("is `{other}`: this server transcribes only, it must be {known}")))
        }
    }
}

/// A message of the server.
#[derive(Debug, Serialize)]
pub(super) struct ServerMessage {
    pub(super) event_id: String,
    #[serde(flatten)]
    pub(super) event: ServerEvent,
}

/// What the server tells.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type")]
pub(super) enum ServerEvent {
    #[serde(rename = "session.created")]
    Created { session: Value },
    #[serde(rename = "session.updated")]
    Updated { session: Value },
    #[serde(rename = "transcription_session.updated")]
    BetaUpdated { session: Value },
    #[serde(rename = "input_audio_buffer.speech_started")]
    SpeechStarted { audio_start_ms: u64, item_id: String },
    #[serde(rename = "input_audio_buffer.speech_stopped")]
    SpeechStopped { audio_end_ms: u64, item_id: String },
    #[serde(rename = "input_audio_buffer.committed")]
    Committed { previous_item_id: Option<String>, item_id: String },
    #[serde(rename = "input_audio_buffer.cleared")]
    Cleared,
    #[serde(rename = "conversation.item.created")]
    ItemCreated { previous_item_id: Option<String>, item: Value },
    #[serde(rename = "conversation.item.added")]
    ItemAdded { previous_item_id: Option<String>, item: Value },
    #[serde(rename = "conversation.item.done")]
    ItemDone { previous_item_id: Option<String>, item: Value },
    #[serde(rename = "conversation.item.input_audio_transcription.delta")]
    Delta {
        item_id: String,
        content_index: u32,
        delta: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        logprobs: Option<Vec<Logprob>>,
    },
    #[serde(rename = "conversation.item.input_audio_transcription.completed")]
    Completed {
        item_id: String,
        content_index: u32,
        transcript: String,
        usage: Usage,
        #[serde(skip_serializing_if = "Option::is_none")]
        logprobs: Option<Vec<Logprob>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        languages: Vec<Language>,
    },
    #[serde(rename = "conversation.item.input_audio_transcription.failed")]
    Failed { item_id: String, content_index: u32, error: ErrorFields },
    #[serde(rename = "error")]
    Error { error: EventError },
}

/// A language that the engine has detected.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Language {
    pub(super) code: String,
}

/// An error, with the id of the client's message.
#[derive(Debug, Clone, Serialize)]
pub(super) struct EventError {
    #[serde(flatten)]
    fields: ErrorFields,
    event_id: Option<String>,
}

impl ServerEvent {
    pub(super) fn error(problem: &Problem, event_id: Option<String>) -> Self {
        Self::Error { error: EventError { fields: error_body(problem).error, event_id } }
    }

    pub(super) fn failed(item_id: String, problem: &Problem) -> Self {
        Self::Failed { item_id, content_index: 0, error: error_body(problem).error }
    }

    /// An item that is complete.
    pub(super) fn item(shape: Shape, id: &str, previous_item_id: Option<String>) -> Vec<Self> {
        let item = json!({
            "id": id, "object": "realtime.item", "type": "message", "status": "completed", "role": "user",
            "content": [{"type": "input_audio", "transcript": null}],
        });
        match shape {
            Shape::Beta => vec![Self::ItemCreated { previous_item_id, item }],
            Shape::Current => vec![
                Self::ItemAdded { previous_item_id: previous_item_id.clone(), item: item.clone() },
                Self::ItemDone { previous_item_id, item },
            ],
        }
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
        let session = || Map::from_iter([("type".to_owned(), "transcription".into())]);
        for (text, event) in [
            (
                r#"{"type":"session.update","session":{"type":"transcription"}}"#,
                ClientEvent::Update(Shape::Current, session()),
            ),
            (
                r#"{"session":{"type":"transcription"},"type":"transcription_session.update"}"#,
                ClientEvent::Update(Shape::Beta, session()),
            ),
            (r#"{"type":"input_audio_buffer.append","audio":"AAEC/w=="}"#, append(&[0, 1, 2, 255])),
            (r#"{"type":"input_audio_buffer.append","audio":"AAEC\/w"}"#, append(&[0, 1, 2, 255])),
            (r#"{"type":"input_audio_buffer.commit","event_id":null,"more":1}"#, ClientEvent::Commit),
            (r#"{"type":"input_audio_buffer.clear"}"#, ClientEvent::Clear),
        ] {
            assert_eq!(ClientMessage::parse(text).event, Ok(event), "{text}");
        }
    }

    fn append(bytes: &'static [u8]) -> ClientEvent {
        ClientEvent::Append(Bytes::from_static(bytes))
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, param, problem) in [
            ("", None, "not a message"),
            ("[]", None, "not a message"),
            ("{\"type\":\"a\nb\"}", None, "not a message"),
            (r#"{"type":"session.update","session":1}"#, None, "invalid type"),
            (r#"{"event_id":"e"}"#, Some("type"), "is missing"),
            (r#"{"type":"response.create"}"#, Some("type"), "`response.create`: this server transcribes only"),
            (r#"{"type":"session.update"}"#, Some("session"), "is missing"),
            (r#"{"type":"input_audio_buffer.append","audio":"AA-_"}"#, Some("audio"), "must be base64"),
        ] {
            let told = ClientMessage::parse(text).event.unwrap_err();
            assert!(told.param == param && told.failure.message.contains(problem), "{text}: {told:?}");
            assert!(!told.failure.message.contains(char::is_control), "{told}");
        }
        let message = ClientMessage::parse(r#"{"type":"no","event_id":"e"}"#);
        assert_eq!(message.event_id.as_deref(), Some("e"), "a refused message keeps its id");
    }

    #[test]
    fn messages_look_as_those_of_openai() {
        let message = |event| ServerMessage { event_id: "event_1".to_owned(), event }.to_string();
        let started = ServerEvent::SpeechStarted { audio_start_ms: 1_250, item_id: "item_1".to_owned() };
        let written = r#"{"event_id":"event_1","type":"input_audio_buffer.speech_started","audio_start_ms":1250,"item_id":"item_1"}"#;
        assert_eq!(message(started), written);
        let error = ServerEvent::error(&Problem::missing("type"), Some("mine".to_owned()));
        let written = r#"{"event_id":"event_1","type":"error","error":{"message":"the parameter `type` is missing","type":"invalid_request_error","param":"type","code":"missing_required_parameter","event_id":"mine"}}"#;
        assert_eq!(message(error), written);
        assert_eq!(message(ServerEvent::Cleared), r#"{"event_id":"event_1","type":"input_audio_buffer.cleared"}"#);
    }
}
