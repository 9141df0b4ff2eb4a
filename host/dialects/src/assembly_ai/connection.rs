//! A connection of an AssemblyAI client: audio and a few commands come in, turns go back.
//!
//! Times are of the audio, not of the clock. No I/O.

use super::{
    messages::{ClientMessage, Configuration, ServerMessage, TurnEvent, Word},
    request::Request,
};
use crate::{
    fields::{LANGUAGES, note_ignored},
    turns::{Cause, Change, SpeakerTurn, Turns},
    websocket::{
        close, registered_close_code,
        side::{Ask, Side},
    },
};
use auricle_core::{AudioFormat, Event, Failure, FailureCode, Pace, metrics::Metrics};
use auricle_session::{Admitted, Protocol, SessionInfo, SessionRequest};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};
use uuid::Uuid;

/// What clients are told of the time after which their session ends. It does not.
const EXPIRY: Duration = Duration::from_secs(365 * 24 * 3_600);
/// The codes of warnings: of parameters without effect, and of a refused update.
const WITHOUT_EFFECT: u16 = 3_000;
const NOT_UPDATED: u16 = 3_006;

/// The messages of one connection.
pub(super) struct Connection {
    request: Request,
    protocol: Protocol,
    begun: Instant,
    /// The format of the audio. That of a container is known when the session is open.
    audio: AudioFormat,
    /// Frames of audio processed.
    frames: u64,
    /// Samples of a second of the engine's times.
    rate: u32,
    turns: Turns,
}

impl Connection {
    pub(super) fn new(request: Request, protocol: Protocol) -> Self {
        Self {
            protocol,
            begun: Instant::now(),
            audio: request.options.audio.unwrap_or_default(),
            frames: 0,
            rate: 16_000,
            turns: Turns::new(request.options.silence),
            request,
        }
    }

    /// Seconds of audio processed.
    fn time(&self) -> f64 {
        self.frames as f64 / f64::from(self.audio.sample_rate)
    }

    /// The message for a change of a turn, unless the client does not want it.
    fn turn(&self, (change, turn): (Change, SpeakerTurn)) -> Option<Message> {
        let options = &self.request.options;
        let end_of_turn = match change {
            Change::Ended(_) => true,
            Change::Started | Change::Updated => false,
            // The protocol has no messages for these.
            Change::Paused | Change::Resumed => return None,
        };
        if !end_of_turn && !options.partial_turns {
            return None;
        }
        let word = |word: crate::words::Word| Word {
            start: millis(word.start),
            end: millis(word.end),
            confidence: word.confidence,
            text: word.text,
            word_is_final: word.is_final,
        };
        Some(text(&ServerMessage::Turn(TurnEvent {
            turn_order: turn.index,
            turn_is_formatted: end_of_turn && options.format_turns,
            end_of_turn,
            transcript: turn.text,
            end_of_turn_confidence: if end_of_turn { 1.0 } else { 0.0 },
            words: turn.words.into_iter().map(word).collect(),
            language_code: turn.language.filter(|_| options.detects_language),
        })))
    }
}

fn text(message: &ServerMessage) -> Message {
    Message::text(message.to_string())
}

fn warning(warning_code: u16, warning: String) -> Message {
    text(&ServerMessage::Warning { warning_code, warning })
}

fn millis(seconds: f64) -> u64 {
    (seconds * 1000.0).round() as u64
}

/// AssemblyAI's own codes where it has them.
pub(super) fn close_code(code: FailureCode) -> u16 {
    use FailureCode as C;
    match code {
        C::BadMessage | C::BadAudio | C::InvalidOption | C::ForbiddenField | C::UnknownPreset => 3006,
        C::IdleTimeout => 3008,
        C::Capacity | C::KeyStreams | C::Streams | C::Connections | C::AddressConnections | C::Overloaded => 3009,
        code => match registered_close_code(code) {
            1011 => 3005,
            registered => registered,
        },
    }
}

impl Side for Connection {
    fn protocol(&self) -> Protocol {
        self.protocol
    }

    fn hello(&mut self) -> Vec<Message> {
        let expiry = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + EXPIRY;
        let configuration = Configuration { model: self.request.preset.clone() };
        let id = Uuid::new_v4().to_string();
        let mut hello = vec![text(&ServerMessage::Begin { id, expires_at: expiry.as_secs(), configuration })];
        let ignored = self.request.options.ignored.join("`, `");
        if !ignored.is_empty() {
            hello.push(warning(WITHOUT_EFFECT, format!("without effect on this server: `{ignored}`")));
        }
        hello
    }

    fn text(&mut self, text: &Utf8Bytes) -> Result<Ask, Failure> {
        Ok(match ClientMessage::parse(text)? {
            ClientMessage::KeepAlive => Ask::default(),
            // Without audio there is no turn.
            ClientMessage::ForceEndpoint if self.frames == 0 => Ask::default(),
            ClientMessage::ForceEndpoint => {
                self.turns.ask(Cause::Client);
                Ask { flush: true, ..Ask::default() }
            }
            ClientMessage::Terminate => Ask { finish: true, ..Ask::default() },
            ClientMessage::UpdateConfiguration(update) => {
                let refused = self.request.options.update(&update).err();
                self.turns.silence = self.request.options.silence;
                let say = refused.map(|failure| warning(NOT_UPDATED, format!("nothing has changed: {failure}")));
                Ask { say: say.into_iter().collect(), ..Ask::default() }
            }
        })
    }

    fn binary(&mut self, audio: Bytes) -> Result<Ask, Failure> {
        // All audio before is processed.
        let flush = self.turns.is_silent(self.time());
        if flush {
            self.turns.ask(Cause::Silence);
        }
        Ok(Ask { audio, flush, ..Ask::default() })
    }

    fn wants_flush(&mut self) -> bool {
        self.turns.take_flush()
    }

    fn is_contained(&self) -> bool {
        self.request.options.audio.is_none()
    }

    fn processed(&mut self, frames: u64) {
        self.frames = frames;
    }

    fn request(&mut self, _: &Admitted) -> Result<SessionRequest, Failure> {
        let mut request = self.request.wanted().session(self.audio, Pace::Live);
        let languages = &self.request.options.languages;
        if languages.len() > 1 {
            request.options.insert(LANGUAGES.to_owned(), languages.as_slice().into());
        }
        Ok(request)
    }

    fn opened(&mut self, info: &SessionInfo, metrics: &Metrics, _: &mut Vec<Message>) -> Result<(), Failure> {
        self.audio = info.audio;
        self.rate = info.metadata.sample_rate;
        self.turns.open(&info.metadata);
        note_ignored(self.protocol.name, &self.request.options.ignored, info, metrics);
        Ok(())
    }

    fn tell(&mut self, event: &Event, out: &mut Vec<Message>) {
        if let Event::SpeechStarted(sample) = event {
            let timestamp = millis(*sample as f64 / f64::from(self.rate));
            out.push(text(&ServerMessage::SpeechStarted { timestamp }));
        }
        for change in self.turns.event(event) {
            out.extend(self.turn(change));
        }
    }

    fn done(&mut self, out: &mut Vec<Message>) -> bool {
        let last = self.turns.last();
        out.extend(last.and_then(|change| self.turn(change)));
        let audio_duration_seconds = self.time().round() as u64;
        let session_duration_seconds = self.begun.elapsed().as_secs();
        out.push(text(&ServerMessage::Termination { audio_duration_seconds, session_duration_seconds }));
        out.push(close(1000, ""));
        false
    }

    fn failed(&mut self, failure: &Failure) -> Vec<Message> {
        use FailureCode as C;
        let mut last = Vec::new();
        // All text is there then.
        if matches!(failure.code, C::ShuttingDown | C::EndedByOperator) {
            let ended = self.turns.last();
            last.extend(ended.and_then(|change| self.turn(change)));
        }
        let error_code = close_code(failure.code);
        let reason = format!("{}: {failure}", failure.code.for_clients());
        // When the server stops, clients connect again, which some do not after an `Error`.
        if failure.code != C::ShuttingDown {
            last.push(text(&ServerMessage::Error { error_code, error: reason.clone() }));
        }
        last.push(close(error_code, &reason));
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use auricle_plugin_api::Segment;
    use auricle_session::Codes;

    fn connection(query: &str) -> Connection {
        let options = super::super::options::Options::parse(query).unwrap();
        let protocol = Protocol { name: "assemblyai", codes: Codes::Close(close_code) };
        Connection::new(Request { preset: "p".to_owned(), options }, protocol)
    }

    fn told(connection: &mut Connection, events: &[Event]) -> Vec<ServerMessage> {
        let mut out = Vec::new();
        events.iter().for_each(|event| connection.tell(event, &mut out));
        connection.done(&mut out);
        let texts = out.iter().filter(|message| message.is_text());
        texts.map(|message| serde_json::from_str(message.to_text().unwrap()).unwrap()).collect()
    }

    const EVENTS: [fn() -> Event; 3] = [
        || Event::SpeechStarted(8_000),
        || Event::Partial(Segment::new(8_000, 16_000, "on")),
        || Event::Segment(Segment::new(8_000, 16_000, "one").language("en")),
    ];

    #[test]
    fn words_that_may_change_are_not_in_the_transcript() {
        let events = EVENTS.map(|event| event());
        let mut connection = connection("sample_rate=16000&format_turns=true&language_detection=true");
        let told = told(&mut connection, &events);
        assert_eq!(told[0], ServerMessage::SpeechStarted { timestamp: 500 });
        let word = |text: &str, word_is_final| Word {
            start: 500,
            end: 1_000,
            confidence: 1.0,
            text: text.to_owned(),
            word_is_final,
        };
        let turn = |end_of_turn: bool, transcript: &str, word: Word, language: Option<&str>| {
            ServerMessage::Turn(TurnEvent {
                turn_order: 0,
                turn_is_formatted: end_of_turn,
                end_of_turn,
                transcript: transcript.to_owned(),
                end_of_turn_confidence: f64::from(u8::from(end_of_turn)),
                words: vec![word],
                language_code: language.map(str::to_owned),
            })
        };
        assert_eq!(told[1], turn(false, "", word("on", false), None));
        assert_eq!(told[2], turn(true, "one", word("one", true), Some("en")));
        assert!(matches!(told[3], ServerMessage::Termination { audio_duration_seconds: 0, .. }));
    }

    #[test]
    fn turns_are_told_at_their_ends_only_if_the_client_wants_it() {
        let events = EVENTS.map(|event| event());
        let mut connection = connection("sample_rate=16000&include_partial_turns=false");
        let turns = told(&mut connection, &events).into_iter().filter_map(|told| match told {
            ServerMessage::Turn(turn) => Some((turn.end_of_turn, turn.turn_is_formatted)),
            _ => None,
        });
        assert_eq!(turns.collect::<Vec<_>>(), [(true, false)]);
    }

    #[test]
    fn an_update_is_in_effect_at_once_or_refused() {
        let mut connection = connection("sample_rate=16000");
        let update = r#"{"type":"UpdateConfiguration","max_turn_silence":500,"format_turns":true}"#;
        assert!(connection.text(&update.into()).unwrap().say.is_empty());
        connection.tell(&EVENTS[1](), &mut Vec::new());
        connection.processed(24_000);
        assert!(connection.binary(Bytes::from_static(&[0, 0])).unwrap().flush);
        let refused = r#"{"type":"UpdateConfiguration","prompt":"a"}"#;
        let ask = connection.text(&refused.into()).unwrap();
        assert!(ask.say[0].to_text().unwrap().contains("nothing has changed: `prompt` cannot change"), "{ask:?}");
    }

    #[test]
    fn failures_have_codes_that_clients_know() {
        let codes = [
            FailureCode::BadMessage,
            FailureCode::IdleTimeout,
            FailureCode::KeyStreams,
            FailureCode::Unauthorized,
            FailureCode::EngineCrashed,
            FailureCode::ShuttingDown,
        ];
        assert_eq!(codes.map(close_code), [3006, 3008, 3009, 1008, 3005, 1001]);
    }
}
