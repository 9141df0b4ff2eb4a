//! A connection of a client of Flux: audio and a few commands come in, what happens to turns goes back.
//!
//! Invariant: the messages of the server are numbered in the order in which they are sent. Times are of the audio, not of the clock.
//! No I/O.

use super::{
    messages::{
        ClientMessage, Configure, Numbered, OneOrMany, ServerMessage, Thresholds, Trigger, TurnEvent, TurnInfo, Word,
    },
    request::Request,
};
use crate::{
    deepgram::codes::{close_code, close_reason},
    fields::note_ignored,
    turns::{Cause, Change, SpeakerTurn, Turns},
    websocket::{
        close,
        side::{Ask, Side},
    },
};
use auricle_core::{AudioFormat, Event, Failure, FailureCode, metrics::Metrics};
use auricle_session::{Admitted, Protocol, SessionInfo, SessionRequest};
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};

/// The messages of one connection.
pub(super) struct Connection {
    request: Request,
    protocol: Protocol,
    /// The format of the audio. That of a container is known when the session is open.
    audio: AudioFormat,
    /// Frames of audio processed.
    frames: u64,
    turns: Turns,
    /// Whether the client was told that the open turn is probably over.
    is_eager: bool,
    /// Whether its session is open.
    is_open: bool,
    /// The number of the next message.
    next: u64,
}

impl Connection {
    pub(super) fn new(request: Request, protocol: Protocol) -> Self {
        Self {
            protocol,
            audio: request.options.audio.unwrap_or_default(),
            frames: 0,
            turns: Turns::new(request.options.thresholds.silence()),
            is_eager: false,
            is_open: false,
            next: 0,
            request,
        }
    }

    /// Seconds of audio processed.
    fn time(&self) -> f64 {
        self.frames as f64 / f64::from(self.audio.sample_rate)
    }

    fn message(&mut self, message: ServerMessage) -> Message {
        let sequence_id = self.next;
        self.next += 1;
        Message::text(Numbered { message, request_id: self.request.id.clone(), sequence_id }.to_string())
    }

    /// The message for a change of a turn. After an early end only the end follows, or that the turn goes on.
    fn turn(&mut self, (change, turn): (Change, SpeakerTurn)) -> Option<Message> {
        let wants_eager = self.request.options.thresholds.eager_eot_threshold.is_some();
        let sure = f64::from(turn.confidence.unwrap_or(1.0));
        let (event, end_of_turn_confidence) = match change {
            Change::Started => (TurnEvent::StartOfTurn, 0.0),
            Change::Updated if self.is_eager => return None,
            Change::Updated => (TurnEvent::Update, 0.0),
            Change::Paused | Change::Resumed if !wants_eager => return None,
            Change::Paused => (TurnEvent::EagerEndOfTurn, sure),
            Change::Resumed => (TurnEvent::TurnResumed, 0.0),
            Change::Ended(_) => (TurnEvent::EndOfTurn, sure),
        };
        self.is_eager = change == Change::Paused;
        let trigger = match change {
            Change::Ended(cause) => Some(trigger(cause)),
            _ => None,
        };
        let hinted = self.request.options.language.clone();
        let transcript = turn.whole(&self.turns.separator);
        let word = |word: crate::words::Word| Word {
            word: word.text,
            confidence: word.confidence,
            start: word.is_timed.then_some(word.start),
            end: word.is_timed.then_some(word.end),
        };
        Some(self.message(ServerMessage::TurnInfo(TurnInfo {
            event,
            turn_index: turn.index,
            audio_window_start: turn.start,
            audio_window_end: turn.end,
            transcript,
            words: turn.words.into_iter().map(word).collect(),
            end_of_turn_confidence,
            trigger,
            languages: turn.language.filter(|_| hinted.is_none()).into_iter().collect(),
            languages_hinted: hinted.into_iter().collect(),
        })))
    }

    /// Changes when turns end, as far as that can change.
    fn configure(&mut self, wanted: &Configure) -> ServerMessage {
        let Request { options, stage, preset, .. } = &self.request;
        let mut thresholds = options.thresholds.with(wanted.thresholds.as_ref().unwrap_or(&Thresholds::default()));
        if !stage.has_end() {
            thresholds.eot_threshold = None;
        }
        let languages = options.language.as_slice();
        let is_other =
            |wanted: &Option<OneOrMany>, set: &[String]| wanted.as_ref().is_some_and(|wanted| wanted.all() != set);
        let refused = if let Err(failure) = thresholds.check() {
            Some(("THRESHOLDS_INVALID", failure.to_string()))
        } else if let Err(failure) = stage.check(&thresholds, preset) {
            Some(("EAGER_EOT_THRESHOLD_NOT_SUPPORTED", failure.to_string()))
        } else if self.is_open && stage.values(&thresholds) != stage.values(&options.thresholds) {
            let why =
                "the thresholds of the preset's stage cannot change after the first audio: send `Configure` before it";
            Some(("THRESHOLDS_NOT_SUPPORTED", why.to_owned()))
        } else if is_other(&wanted.keyterms, &options.phrases) {
            let why = "`keyterms` cannot change during a stream: set `keyterm` in the URL of the next one";
            Some(("KEYTERMS_NOT_SUPPORTED", why.to_owned()))
        } else if is_other(&wanted.language_hints, languages) {
            let why = "`language_hints` cannot change during a stream: set `language_hint` in the URL of the next one";
            Some(("LANGUAGE_HINTS_NOT_SUPPORTED", why.to_owned()))
        } else {
            None
        };
        if let Some((name, description)) = refused {
            return ServerMessage::ConfigureFailure { code: format!("CONFIGURE_{name}"), description };
        }
        let (keyterms, language_hints) = (options.phrases.clone(), languages.to_vec());
        self.turns.silence = thresholds.silence();
        let mut told = thresholds.clone();
        if !stage.has_silence() {
            told.eot_timeout_ms = u32::try_from(self.turns.silence.as_millis()).ok();
        }
        self.request.options.thresholds = thresholds;
        ServerMessage::ConfigureSuccess { thresholds: told, keyterms, language_hints }
    }
}

fn trigger(cause: Cause) -> Trigger {
    match cause {
        Cause::Found => Trigger::Model,
        Cause::Client => Trigger::Manual,
        Cause::Silence => Trigger::Timeout,
    }
}

/// The code of an error, as Deepgram writes codes.
fn error_code(code: FailureCode) -> String {
    match code.for_clients() {
        FailureCode::BadMessage => "UNPARSABLE_CLIENT_MESSAGE".to_owned(),
        code => code.name().to_uppercase(),
    }
}

impl Side for Connection {
    fn protocol(&self) -> Protocol {
        self.protocol
    }

    fn hello(&mut self) -> Vec<Message> {
        let mut hello = vec![self.message(ServerMessage::Connected)];
        let ignored = self.request.options.ignored.join("`, `");
        if !ignored.is_empty() {
            let code = "PARAMETERS_WITHOUT_EFFECT".to_owned();
            let description = format!("without effect on this server: `{ignored}`");
            hello.push(self.message(ServerMessage::Warning { code, description }));
        }
        hello
    }

    fn text(&mut self, text: &Utf8Bytes) -> Result<Ask, Failure> {
        Ok(match ClientMessage::parse(text)? {
            ClientMessage::KeepAlive => Ask::default(),
            // Without audio there is no turn.
            ClientMessage::ForceEndTurn if self.frames == 0 => Ask::default(),
            ClientMessage::ForceEndTurn => {
                self.turns.ask(Cause::Client);
                Ask { flush: true, ..Ask::default() }
            }
            ClientMessage::CloseStream => Ask { finish: true, ..Ask::default() },
            ClientMessage::Configure(wanted) => {
                let answer = self.configure(&wanted);
                Ask { say: vec![self.message(answer)], ..Ask::default() }
            }
        })
    }

    fn binary(&mut self, audio: Bytes) -> Result<Ask, Failure> {
        // All audio before is processed.
        let flush = !self.request.stage.has_silence() && self.turns.is_silent(self.time());
        if flush {
            self.turns.ask(Cause::Silence);
        }
        Ok(Ask { finish: audio.is_empty(), audio, flush, ..Ask::default() })
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
        Ok(self.request.session(self.audio))
    }

    fn opened(&mut self, info: &SessionInfo, metrics: &Metrics, _: &mut Vec<Message>) -> Result<(), Failure> {
        self.audio = info.audio;
        self.turns.open(&info.metadata);
        self.is_open = true;
        tracing::debug!(stream = info.id, request_id = self.request.id, "stream of a client of Flux");
        note_ignored(self.protocol.name, &self.request.options.ignored, info, metrics);
        Ok(())
    }

    fn tell(&mut self, event: &Event, out: &mut Vec<Message>) {
        for change in self.turns.event(event) {
            out.extend(self.turn(change));
        }
    }

    fn done(&mut self, out: &mut Vec<Message>) -> bool {
        if let Some(change) = self.turns.last() {
            out.extend(self.turn(change));
        }
        out.push(close(1000, ""));
        false
    }

    fn failed(&mut self, failure: &Failure) -> Vec<Message> {
        use FailureCode as C;
        let mut last = Vec::new();
        // All text is there then.
        if matches!(failure.code, C::ShuttingDown | C::EndedByOperator)
            && let Some(change) = self.turns.last()
        {
            last.extend(self.turn(change));
        }
        // When the server stops, clients connect again, which some do not after an `Error`.
        if failure.code != C::ShuttingDown {
            let (code, description) = (error_code(failure.code), failure.to_string());
            last.push(self.message(ServerMessage::Error { code, description }));
        }
        last.push(close(close_code(failure.code), &close_reason(failure)));
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use auricle_plugin_api::{Metadata, Segment, Turn, TurnChange, TurnTrigger};
    use auricle_session::Codes;

    fn connection() -> Connection {
        let protocol = Protocol { name: "deepgram-flux", codes: Codes::Close(close_code) };
        Connection::new(Request { id: "r".to_owned(), ..Request::default() }, protocol)
    }

    fn read(messages: &[Message]) -> Vec<Numbered> {
        let texts = messages.iter().filter(|message| message.is_text());
        texts.map(|message| serde_json::from_str(message.to_text().unwrap()).unwrap()).collect()
    }

    fn configured(connection: &mut Connection, settings: &str) -> ServerMessage {
        let text = format!(r#"{{"type":"Configure",{settings}}}"#);
        read(&connection.text(&text.into()).unwrap().say).remove(0).message
    }

    #[test]
    fn messages_are_numbered_from_the_first_on() {
        let mut connection = connection();
        connection.request.options.ignored = vec!["numerals"];
        let mut told = connection.hello();
        connection.tell(&Event::Partial(Segment::new(0, 8_000, "on")), &mut told);
        connection.tell(&Event::Segment(Segment::new(0, 8_000, "one")), &mut told);
        assert!(!connection.done(&mut told));
        let told = read(&told);
        assert!(told.iter().zip(0..).all(|(message, number)| message.sequence_id == number), "{told:?}");
        let turns = told.into_iter().filter_map(|told| match told.message {
            ServerMessage::TurnInfo(turn) => Some((turn.event, turn.transcript, turn.trigger)),
            _ => None,
        });
        let expected = [
            (TurnEvent::StartOfTurn, "on".to_owned(), None),
            (TurnEvent::EndOfTurn, "one".to_owned(), Some(Trigger::Model)),
        ];
        assert_eq!(turns.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn early_ends_of_a_stage_are_told_to_those_who_want_them() {
        use TurnEvent::{EagerEndOfTurn, EndOfTurn, StartOfTurn, TurnResumed, Update};
        for wants in [false, true] {
            let mut connection = connection();
            connection.request.options.thresholds.eager_eot_threshold = wants.then_some(0.4);
            connection.turns.open(&Metadata::new(16_000, 1_600).capabilities(["turns"]));
            let found = |sample, change| Event::Turn(Turn::new(sample, change).confidence(0.75));
            let mut told = Vec::new();
            for event in [
                Event::Segment(Segment::new(0, 8_000, "one")),
                found(8_000, TurnChange::EagerEnd),
                Event::Partial(Segment::new(8_000, 9_000, "t")),
                found(9_000, TurnChange::Resumed),
                Event::Partial(Segment::new(8_000, 16_000, "two")),
                found(16_000, TurnChange::Ended(TurnTrigger::Model)),
                Event::Segment(Segment::new(8_000, 16_000, "two")),
            ] {
                connection.tell(&event, &mut told);
            }
            assert!(connection.wants_flush() && !connection.wants_flush());
            connection.tell(&Event::Flushed(0), &mut told);
            let turns = read(&told).into_iter().filter_map(|told| match told.message {
                ServerMessage::TurnInfo(turn) => Some((turn.event, turn.end_of_turn_confidence)),
                _ => None,
            });
            let turns: Vec<_> = turns.collect();
            let end = (EndOfTurn, 0.75);
            let expected = if wants {
                vec![(StartOfTurn, 0.0), (EagerEndOfTurn, 0.75), (TurnResumed, 0.0), (Update, 0.0), (Update, 0.0), end]
            } else {
                vec![(StartOfTurn, 0.0), (Update, 0.0), (Update, 0.0), (Update, 0.0), end]
            };
            assert_eq!(turns, expected);
        }
    }

    #[test]
    fn a_turn_ends_after_a_silence_of_the_audio() {
        let mut connection = connection();
        assert!(!connection.text(&r#"{"type":"ForceEndTurn"}"#.into()).unwrap().flush, "there is no audio");
        configured(&mut connection, r#""thresholds":{"eot_timeout_ms":500}"#);
        connection.tell(&Event::Partial(Segment::new(0, 8_000, "on")), &mut Vec::new());
        connection.processed(15_999);
        assert!(!connection.binary(Bytes::from_static(&[0, 0])).unwrap().flush);
        connection.processed(16_000);
        assert!(connection.binary(Bytes::from_static(&[0, 0])).unwrap().flush);
        assert!(!connection.binary(Bytes::from_static(&[0, 0])).unwrap().flush, "it was asked for");
    }

    #[test]
    fn what_cannot_change_is_refused_and_the_rest_is_told() {
        let mut connection = connection();
        connection.request.options.phrases = vec!["a".to_owned()];
        for (settings, name) in [
            (r#""thresholds":{"eager_eot_threshold":0.4,"eot_timeout_ms":900}"#, "EAGER_EOT_THRESHOLD_NOT_SUPPORTED"),
            (r#""thresholds":{"eager_eot_threshold":2}"#, "THRESHOLDS_INVALID"),
            (r#""keyterms":["b"]"#, "KEYTERMS_NOT_SUPPORTED"),
            (r#""language_hints":["en"]"#, "LANGUAGE_HINTS_NOT_SUPPORTED"),
            (r#""thresholds":{"eot_timeout_ms":1}"#, "THRESHOLDS_INVALID"),
        ] {
            let ServerMessage::ConfigureFailure { code, .. } = configured(&mut connection, settings) else {
                panic!("{settings}")
            };
            assert_eq!(code, format!("CONFIGURE_{name}"));
        }
        let thresholds = Thresholds { eot_timeout_ms: Some(5_000), ..Thresholds::default() };
        let (keyterms, language_hints) = (vec!["a".to_owned()], vec![]);
        let success = ServerMessage::ConfigureSuccess { thresholds, keyterms, language_hints };
        let same = r#""thresholds":{"eot_threshold":0.8},"keyterms":"a","language_hints":[]"#;
        assert_eq!(configured(&mut connection, same), success);
    }
}
