//! A connection of a moshi client: samples and markers come in, words and the markers go back.
//!
//! Invariant: a marker comes after all words of the audio before it. Text that may change is not sent: the protocol has no message
//! that takes a word back. No I/O.

use super::{
    messages::{ClientMessage, ServerMessage},
    settings::MoshiSettings,
};
use crate::{
    preset::default_preset,
    websocket::{
        close_failed,
        side::{Ask, Side},
    },
    words::words,
};
use auricle_core::{AudioFormat, Event, Failure, FailureCode, Pace, metrics::Metrics};
use auricle_session::{Admitted, Protocol, SessionInfo, SessionRequest};
use serde_json::Map;
use std::collections::VecDeque;
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};

/// Steps in a second of audio.
const STEPS: f64 = 12.5;

/// The messages of one connection.
pub(super) struct Connection {
    settings: MoshiSettings,
    protocol: Protocol,
    /// The format of samples.
    samples: AudioFormat,
    /// Whether the audio is in a file instead; `None` before there is any.
    is_contained: Option<bool>,
    /// The format of the open stream's audio.
    audio: AudioFormat,
    /// Samples of a second of the engine's times.
    rate: u32,
    has_endpoints: bool,
    /// Frames of audio processed.
    frames: u64,
    /// The last step that was told.
    step: u64,
    /// Whether nobody speaks.
    is_pause: bool,
    /// The markers that are not sent back yet, oldest first.
    markers: VecDeque<i64>,
}

impl Connection {
    pub(super) fn new(settings: MoshiSettings, samples: AudioFormat, protocol: Protocol) -> Self {
        Self {
            settings,
            protocol,
            samples,
            is_contained: None,
            audio: samples,
            rate: 16_000,
            has_endpoints: false,
            frames: 0,
            step: 0,
            is_pause: true,
            markers: VecDeque::new(),
        }
    }

    /// Audio comes, after which so much is processed.
    fn audio(&mut self, audio: Vec<u8>, is_contained: bool) -> Result<Ask, Failure> {
        if *self.is_contained.get_or_insert(is_contained) != is_contained {
            let message = "`Audio` and `OggOpus` in one stream: send one of them, or `Init` before the other";
            return Err(Failure::new(FailureCode::BadMessage, message));
        }
        Ok(Ask { say: self.step().into_iter().collect(), audio: audio.into(), ..Ask::default() })
    }

    /// The message about the audio that is processed, if there is more of it than was told.
    fn step(&mut self) -> Option<Message> {
        let step_idx = (self.frames as f64 / f64::from(self.audio.sample_rate) * STEPS) as u64;
        if step_idx == self.step {
            return None;
        }
        self.step = step_idx;
        let prs = [if self.is_pause { 1.0 } else { 0.0 }; 4];
        Some(packed(&ServerMessage::Step { step_idx, prs, buffered_pcm: 0 }))
    }
}

fn packed(message: &ServerMessage) -> Message {
    Message::binary(message.encode())
}

impl Side for Connection {
    fn protocol(&self) -> Protocol {
        self.protocol
    }

    fn hello(&mut self) -> Vec<Message> {
        vec![packed(&ServerMessage::Ready)]
    }

    fn text(&mut self, _: &Utf8Bytes) -> Result<Ask, Failure> {
        let message = "a text message: send MessagePack in binary messages";
        Err(Failure::new(FailureCode::BadMessage, message))
    }

    fn binary(&mut self, bytes: Bytes) -> Result<Ask, Failure> {
        match ClientMessage::parse(&bytes)? {
            ClientMessage::Init => Ok(Ask { finish: true, ..Ask::default() }),
            ClientMessage::Audio(samples) => {
                self.audio(samples.into_iter().flat_map(f32::to_le_bytes).collect(), false)
            }
            ClientMessage::OggOpus(piece) => self.audio(piece, true),
            // Without audio there is nothing to wait for.
            ClientMessage::Marker(id) if self.frames == 0 => {
                Ok(Ask { say: vec![packed(&ServerMessage::Marker { id })], ..Ask::default() })
            }
            ClientMessage::Marker(id) => {
                self.markers.push_back(id);
                Ok(Ask { flush: true, ..Ask::default() })
            }
        }
    }

    fn is_contained(&self) -> bool {
        self.is_contained == Some(true)
    }

    fn processed(&mut self, frames: u64) {
        self.frames = frames;
    }

    fn request(&mut self, admitted: &Admitted) -> Result<SessionRequest, Failure> {
        let preset = default_preset(self.settings.preset.as_ref(), self.protocol.name, "", admitted)?;
        Ok(SessionRequest { preset, options: Map::new(), audio: self.samples, multichannel: false, pace: Pace::Live })
    }

    fn opened(&mut self, info: &SessionInfo, _: &Metrics, _: &mut Vec<Message>) -> Result<(), Failure> {
        self.audio = info.audio;
        self.rate = info.metadata.sample_rate;
        self.has_endpoints = info.metadata.capabilities.iter().any(|name| name == "endpoints");
        Ok(())
    }

    fn tell(&mut self, event: &Event, out: &mut Vec<Message>) {
        match event {
            Event::SpeechStarted(_) => self.is_pause = false,
            Event::Partial(text) if !text.text_bytes().is_empty() => self.is_pause = false,
            Event::Segment(text) if !text.text_bytes().is_empty() => {
                self.is_pause = !self.has_endpoints;
                for word in words(text, self.rate, true) {
                    out.push(packed(&ServerMessage::Word { text: word.text, start_time: word.start }));
                    out.push(packed(&ServerMessage::EndWord { stop_time: word.end }));
                }
            }
            Event::Endpoint(_) => self.is_pause = true,
            Event::Flushed(_) => {
                out.extend(self.markers.pop_front().map(|id| packed(&ServerMessage::Marker { id })));
            }
            // The protocol has no messages for these.
            _ => {}
        }
    }

    /// The stream ends because another begins; the connection goes on.
    fn done(&mut self, out: &mut Vec<Message>) -> bool {
        (self.frames, self.step, self.is_pause, self.is_contained) = (0, 0, true, None);
        out.extend(self.markers.drain(..).map(|id| packed(&ServerMessage::Marker { id })));
        out.push(packed(&ServerMessage::Ready));
        true
    }

    fn failed(&mut self, failure: &Failure) -> Vec<Message> {
        let mut last = Vec::new();
        // When the server stops, clients connect again.
        if failure.code != FailureCode::ShuttingDown {
            let message = format!("{}: {failure}", failure.code.for_clients());
            last.push(packed(&ServerMessage::Error { message }));
        }
        last.push(close_failed(failure));
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use auricle_plugin_api::{Segment, Word};
    use auricle_session::Codes;
    use serde_json::{Value, json};

    fn connection() -> Connection {
        let protocol = Protocol { name: "moshi", codes: Codes::Close(crate::websocket::registered_close_code) };
        Connection::new(MoshiSettings::default(), super::super::options::audio("").unwrap(), protocol)
    }

    fn send(connection: &mut Connection, message: &Value) -> Result<Ask, Failure> {
        connection.binary(rmp_serde::to_vec(message).unwrap().into())
    }

    fn read(messages: &[Message]) -> Vec<Value> {
        let packed = messages.iter().filter(|message| message.is_binary());
        packed.map(|message| rmp_serde::from_slice(&message.clone().into_data()).unwrap()).collect()
    }

    #[test]
    fn words_and_markers_are_told_in_order() {
        let mut connection = connection();
        let at_once = send(&mut connection, &json!({"type": "Marker", "id": 1})).unwrap();
        assert_eq!((read(&at_once.say), at_once.flush), (vec![json!({"type": "Marker", "id": 1})], false));
        let ask = send(&mut connection, &json!({"type": "Audio", "pcm": vec![0.5; 4]})).unwrap();
        assert_eq!((&*ask.audio, ask.say.len()), (&[0, 0, 0, 0x3f].repeat(4)[..], 0));
        connection.processed(24_000);
        assert!(send(&mut connection, &json!({"type": "Marker", "id": 2})).unwrap().flush);
        let mut out = Vec::new();
        let text = Segment::new(0, 16_000, "one").words(vec![Word::new(1_600, 8_000, "one")]);
        for event in [Event::Partial(Segment::new(0, 8_000, "on")), Event::Segment(text), Event::Flushed(24_000)] {
            connection.tell(&event, &mut out);
        }
        let expected = [
            json!({"type": "Word", "text": "one", "start_time": 0.1}),
            json!({"type": "EndWord", "stop_time": 0.5}),
            json!({"type": "Marker", "id": 2}),
        ];
        assert_eq!(read(&out), expected);
    }

    #[test]
    fn a_step_says_how_much_is_processed_and_whether_somebody_speaks() {
        let mut connection = connection();
        let audio = json!({"type": "Audio", "pcm": [0.0]});
        let mut step = |frames, event: &Event| {
            connection.has_endpoints = true;
            connection.processed(frames);
            connection.tell(event, &mut Vec::new());
            let told = read(&send(&mut connection, &audio).unwrap().say);
            told.first().map(|told| (told["step_idx"].as_u64().unwrap(), told["prs"][2].as_f64().unwrap()))
        };
        assert_eq!(step(1_919, &Event::SpeechStarted(0)), None);
        assert_eq!(step(3_840, &Event::SpeechStarted(0)), Some((2, 0.0)));
        assert_eq!(step(5_759, &Event::Endpoint(0)), None);
        assert_eq!(step(5_760, &Event::Endpoint(0)), Some((3, 1.0)));
    }

    #[test]
    fn another_stream_may_be_of_another_kind() {
        let mut connection = connection();
        send(&mut connection, &json!({"type": "OggOpus", "data": [1]})).unwrap();
        assert!(connection.is_contained());
        let mixed = send(&mut connection, &json!({"type": "Audio", "pcm": []})).unwrap_err();
        assert!(mixed.message.contains("in one stream"), "{mixed}");
        assert!(send(&mut connection, &json!({"type": "Init"})).unwrap().finish);
        let mut out = Vec::new();
        assert!(connection.done(&mut out));
        assert_eq!(read(&out), [json!({"type": "Ready"})]);
        assert!(!send(&mut connection, &json!({"type": "Audio", "pcm": []})).unwrap().finish);
    }
}
