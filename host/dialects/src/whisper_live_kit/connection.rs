//! A connection of a WhisperLiveKit client: samples, and an empty message at the end; a result goes back whenever the text
//! changes.
//!
//! Invariant: the last result before `ready_to_stop` has all text in lines. No I/O.

use super::{messages::ServerMessage, options::Options, settings::WhisperLiveKitSettings, transcript::Transcript};
use crate::{
    fields::LANGUAGE,
    preset::default_preset,
    websocket::{
        close, registered_close_code,
        side::{Ask, Side},
    },
};
use auricle_core::{AudioFormat, Encoding, Event, Failure, FailureCode, Pace, metrics::Metrics};
use auricle_plugin_api::Segment;
use auricle_session::{Admitted, Protocol, SessionInfo, SessionRequest};
use serde_json::Map;
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};

/// 16-bit samples at 16 kHz, one channel.
const AUDIO: AudioFormat = AudioFormat { encoding: Encoding::S16le, sample_rate: 16_000, channels: 1, channel: None };

/// The messages of one connection.
pub(super) struct Connection {
    settings: WhisperLiveKitSettings,
    protocol: Protocol,
    options: Options,
    transcript: Transcript,
    /// Bytes of audio received, and frames processed.
    received: u64,
    processed: u64,
}

impl Connection {
    pub(super) fn new(settings: WhisperLiveKitSettings, options: Options, protocol: Protocol) -> Self {
        Self { settings, protocol, options, transcript: Transcript::default(), received: 0, processed: 0 }
    }

    fn result(&mut self, out: &mut Vec<Message>) {
        let seconds = |frames: u64| frames as f64 / f64::from(AUDIO.sample_rate);
        let received = seconds(self.received / AUDIO.frame_bytes() as u64);
        out.push(Message::text(self.transcript.result(received, seconds(self.processed))));
    }

    /// The language of a text, if the client left it open.
    fn detected(&self, text: &Segment) -> Option<String> {
        text.language.as_ref().filter(|_| self.options.language.is_none()).map(ToString::to_string)
    }
}

impl Side for Connection {
    fn protocol(&self) -> Protocol {
        self.protocol
    }

    fn hello(&mut self) -> Vec<Message> {
        // Pages then send samples, and no container of their own.
        vec![Message::text(ServerMessage::Config { samples: true, mode: self.options.mode }.to_string())]
    }

    fn text(&mut self, _: &Utf8Bytes) -> Result<Ask, Failure> {
        let message = "a text message: send audio as binary messages, and an empty one at the end";
        Err(Failure::new(FailureCode::BadMessage, message))
    }

    fn binary(&mut self, audio: Bytes) -> Result<Ask, Failure> {
        self.received += audio.len() as u64;
        Ok(Ask { finish: audio.is_empty(), audio, ..Ask::default() })
    }

    fn processed(&mut self, frames: u64) {
        self.processed = frames;
    }

    fn request(&mut self, admitted: &Admitted) -> Result<SessionRequest, Failure> {
        let preset = default_preset(self.settings.preset.as_ref(), self.protocol.name, "", admitted)?;
        let mut fields = Map::new();
        if let Some(language) = self.options.language.as_deref() {
            fields.insert(LANGUAGE.to_owned(), language.into());
        }
        Ok(SessionRequest { preset, options: fields, audio: AUDIO, multichannel: false, pace: Pace::Live })
    }

    fn opened(&mut self, info: &SessionInfo, _: &Metrics, _: &mut Vec<Message>) -> Result<(), Failure> {
        self.transcript = Transcript::new(self.options.mode, info.metadata.sample_rate);
        Ok(())
    }

    fn tell(&mut self, event: &Event, out: &mut Vec<Message>) {
        match event {
            Event::Partial(text) => self.transcript.partial(text),
            Event::Segment(text) if !text.text_bytes().is_empty() => {
                let language = self.detected(text);
                self.transcript.segment(text, language);
            }
            // The protocol has no messages for these.
            _ => return,
        }
        self.result(out);
    }

    fn done(&mut self, out: &mut Vec<Message>) -> bool {
        out.extend([Message::text(ServerMessage::ReadyToStop.to_string()), close(1000, "")]);
        false
    }

    fn failed(&mut self, failure: &Failure) -> Vec<Message> {
        let error = format!("{}: {failure}", failure.code.for_clients());
        let message = ServerMessage::Error { error };
        vec![Message::text(message.to_string()), close(close_code(failure.code), &failure.to_string())]
    }
}

/// WhisperLiveKit's own codes where it has them.
pub(super) fn close_code(code: FailureCode) -> u16 {
    match code {
        FailureCode::InvalidOption | FailureCode::ForbiddenField => 4400,
        FailureCode::Unauthorized => 4401,
        code => registered_close_code(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn connection(query: &str) -> Connection {
        let protocol = Protocol { name: "whisper-live-kit", codes: auricle_session::Codes::Close(close_code) };
        let mut connection =
            Connection::new(WhisperLiveKitSettings::default(), Options::parse(query).unwrap(), protocol);
        connection.transcript = Transcript::new(connection.options.mode, 16_000);
        connection
    }

    #[test]
    fn a_result_follows_each_change_and_the_end_is_told() {
        let mut connection = connection("");
        let ask = connection.binary(Bytes::from_static(&[0; 32_000])).unwrap();
        assert!(!ask.finish && ask.audio.len() == 32_000);
        let mut out = Vec::new();
        connection.tell(&Event::Partial(Segment::new(0, 8_000, "on")), &mut out);
        connection.tell(&Event::Segment(Segment::new(0, 16_000, "one").language("en")), &mut out);
        connection.tell(&Event::Segment(Segment::new(16_000, 16_000, "")), &mut out);
        assert!(connection.binary(Bytes::new()).unwrap().finish);
        connection.done(&mut out);
        let messages: Vec<Value> =
            out[..3].iter().map(|message| serde_json::from_str(message.to_text().unwrap()).unwrap()).collect();
        assert_eq!(
            (&messages[0]["buffer_transcription"], messages[0]["lines"].as_array().unwrap().len()),
            (&"on".into(), 0)
        );
        let line = serde_json::json!({"speaker": 1, "text": "one", "start": "0:00:00.00", "end": "0:00:01.00", "detected_language": "en"});
        assert_eq!((&messages[1]["lines"][0], &messages[1]["buffer_transcription"]), (&line, &"".into()));
        assert_eq!(messages[2]["type"], "ready_to_stop");
        assert!(out[3].is_close());
    }

    #[test]
    fn a_failure_is_told_before_the_close() {
        let last = connection("").failed(&Failure::new(FailureCode::InvalidOption, "why"));
        assert_eq!(last[0].to_text().unwrap(), r#"{"type":"error","error":"invalid_option: why"}"#);
        assert_eq!(
            [FailureCode::InvalidOption, FailureCode::Unauthorized, FailureCode::Streams].map(close_code),
            [4400, 4401, 1013]
        );
    }
}
