//! A call: audio comes in, the text so far goes back whenever more of it is final.
//!
//! Invariant: nothing comes before `start`, and a connection has one call. No I/O.

use super::{
    messages::{ClientMessage, ServerMessage, Start},
    settings::TelephoneSettings,
};
use crate::{
    preset::chosen_preset,
    webrtc::{self, Transcript},
    websocket::{
        close, close_failed,
        side::{Ask, Side},
    },
};
use auricle_core::{Event, Failure, FailureCode, Pace, metrics::Metrics};
use auricle_session::{Admitted, Protocol, SessionInfo, SessionRequest};
use serde_json::Map;
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};

/// The messages of one connection.
pub(super) struct Connection {
    settings: TelephoneSettings,
    protocol: Protocol,
    /// The call; `None` before it begins.
    call: Option<Start>,
    transcript: Transcript,
    separator: String,
    /// Samples of a second of the engine's times.
    rate: u32,
}

impl Connection {
    pub(super) fn new(settings: TelephoneSettings, protocol: Protocol) -> Self {
        let (separator, transcript) = (" ".to_owned(), Transcript::default());
        Self { settings, protocol, call: None, transcript, separator, rate: 16_000 }
    }
}

fn text(message: &ServerMessage) -> Message {
    Message::text(message.to_string())
}

impl Side for Connection {
    fn protocol(&self) -> Protocol {
        self.protocol
    }

    fn text(&mut self, message: &Utf8Bytes) -> Result<Ask, Failure> {
        match (ClientMessage::parse(message)?, self.call.is_some()) {
            (ClientMessage::Start(_), true) => {
                Err(Failure::new(FailureCode::BadMessage, "a second `start`: a connection has one call"))
            }
            (ClientMessage::Start(start), false) => {
                start.audio()?;
                self.call = Some(start);
                Ok(Ask { open: true, ..Ask::default() })
            }
            (ClientMessage::Media { .. }, false) => {
                Err(Failure::new(FailureCode::BadMessage, "`media` before `start`"))
            }
            (ClientMessage::Media { media }, true) => Ok(Ask { audio: media.audio()?.into(), ..Ask::default() }),
            (ClientMessage::Stop, _) => Ok(Ask { finish: true, ..Ask::default() }),
            (ClientMessage::Ping, _) => Ok(Ask { say: vec![text(&ServerMessage::Pong)], ..Ask::default() }),
            (ClientMessage::Other, _) => Ok(Ask::default()),
        }
    }

    fn binary(&mut self, _: Bytes) -> Result<Ask, Failure> {
        let message = "a binary message: send audio as base64 in `media`";
        Err(Failure::new(FailureCode::BadMessage, message))
    }

    fn request(&mut self, admitted: &Admitted) -> Result<SessionRequest, Failure> {
        let call = self.call.clone().unwrap_or_default();
        let advice = "set the parameter `preset` of the stream, or ";
        let set = self.settings.preset.as_ref();
        let preset = chosen_preset(call.preset(), set, self.protocol.name, advice, admitted)?;
        Ok(SessionRequest { preset, options: Map::new(), audio: call.audio()?, multichannel: false, pace: Pace::Live })
    }

    fn opened(&mut self, info: &SessionInfo, _: &Metrics, _: &mut Vec<Message>) -> Result<(), Failure> {
        self.separator.clone_from(&info.metadata.separator);
        self.rate = info.metadata.sample_rate;
        Ok(())
    }

    fn tell(&mut self, event: &Event, out: &mut Vec<Message>) {
        let Event::Segment(segment) = event else { return };
        if segment.text_bytes().is_empty() {
            return;
        }
        self.transcript.add(event, &self.separator, self.rate);
        let stream = self.call.as_ref().map(|call| call.stream.clone()).unwrap_or_default();
        out.push(text(&ServerMessage::Output { stream, transcript: self.transcript.clone() }));
    }

    fn done(&mut self, out: &mut Vec<Message>) -> bool {
        out.push(close(1000, ""));
        false
    }

    fn failed(&mut self, failure: &Failure) -> Vec<Message> {
        let code = failure.code.for_clients();
        let error = match code {
            FailureCode::Capacity | FailureCode::Overloaded => "concurrency_limit_reached".to_owned(),
            code => code.name(),
        };
        let told = webrtc::failed(&error, &failure.message, None);
        vec![Message::text(told.to_string()), close_failed(failure)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::websocket::registered_close_code;
    use auricle_plugin_api::Segment;
    use auricle_session::Codes;
    use serde_json::{Value, json};

    fn connection() -> Connection {
        let protocol = Protocol { name: "telephone", codes: Codes::Close(registered_close_code) };
        Connection::new(TelephoneSettings::default(), protocol)
    }

    fn send(connection: &mut Connection, message: &Value) -> Result<Ask, Failure> {
        connection.text(&message.to_string().into())
    }

    #[test]
    fn a_call_is_opened_at_its_start_and_told_as_a_whole() {
        let mut connection = connection();
        let start = json!({"event": "start", "streamSid": "MZ1"});
        assert!(send(&mut connection, &start).unwrap().open);
        assert_eq!(
            &*send(&mut connection, &json!({"event": "media", "media": {"payload": "AAE="}})).unwrap().audio,
            [0, 1]
        );
        let mut out = Vec::new();
        for (start, text) in [(0, "one"), (8_000, "two")] {
            connection.tell(&Event::Segment(Segment::new(start, start + 8_000, text)), &mut out);
        }
        connection.tell(&Event::Segment(Segment::new(16_000, 16_000, "")), &mut out);
        let told: Value = serde_json::from_str(out[1].to_text().unwrap()).unwrap();
        let segments = json!([
            {"start": 0.0, "end": 0.5, "text": "one"},
            {"start": 0.5, "end": 1.0, "text": "two"},
        ]);
        let expected =
            json!({"event": "output", "streamSid": "MZ1", "full_transcript": "one two", "segments": segments});
        assert_eq!((told, out.len()), (expected, 2));
        assert!(send(&mut connection, &json!({"event": "stop"})).unwrap().finish);
        assert!(send(&mut connection, &start).unwrap_err().message.contains("a second `start`"));
    }

    #[test]
    fn what_comes_before_a_call_is_answered_or_refused() {
        let mut connection = connection();
        let pong = send(&mut connection, &json!({"event": "ping"})).unwrap().say;
        assert_eq!(pong[0].to_text().unwrap(), r#"{"event":"pong"}"#);
        assert!(!send(&mut connection, &json!({"event": "connected"})).unwrap().open);
        let early = send(&mut connection, &json!({"event": "media", "media": {"payload": ""}})).unwrap_err();
        assert_eq!(early.message, "`media` before `start`");
    }

    #[test]
    fn a_limit_has_the_form_of_the_original_server() {
        let told = connection().failed(&Failure::new(FailureCode::Streams, "full"));
        let told: Value = serde_json::from_str(told[0].to_text().unwrap()).unwrap();
        assert_eq!((&told["status"], &told["meta"]["error"]), (&json!("failed"), &json!("concurrency_limit_reached")));
    }
}
