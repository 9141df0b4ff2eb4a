//! A connection of a client of Flux: audio and a few commands come in, what happens to turns goes back.
//!
//! Invariant: the messages of the server are numbered in the order in which they are sent. Times are of the audio, not of the clock.
//! No I/O.

use super::{
    messages::{
        ClientMessage, Configure, Numbered, OneOrMany, ServerMessage, Thresholds, Trigger, TurnEvent, TurnInfo, Word,
    },
    options::silence,
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
use auricle_core::{AudioFormat, Event, Failure, FailureCode, Pace, metrics::Metrics};
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
    /// The number of the next message.
    next: u64,
}

impl Connection {
    pub(super) fn new(request: Request, protocol: Protocol) -> Self {
        Self {
            protocol,
            audio: request.options.audio.unwrap_or_default(),
            frames: 0,
            turns: Turns::new(request.options.silence),
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

    fn turn(&mut self, (change, turn): (Change, SpeakerTurn)) -> Message {
        let (event, cause) = match change {
            Change::Started => (TurnEvent::StartOfTurn, None),
            Change::Updated => (TurnEvent::Update, None),
            Change::Ended(cause) => (TurnEvent::EndOfTurn, Some(cause)),
        };
        let hinted = self.request.options.language.clone();
        let transcript = turn.whole(&self.turns.separator);
        let word = |word: crate::words::Word| Word {
            word: word.text,
            confidence: word.confidence,
            start: word.is_timed.then_some(word.start),
            end: word.is_timed.then_some(word.end),
        };
        self.message(ServerMessage::TurnInfo(TurnInfo {
            event,
            turn_index: turn.index,
            audio_window_start: turn.start,
            audio_window_end: turn.end,
            transcript,
            words: turn.words.into_iter().map(word).collect(),
            end_of_turn_confidence: if cause.is_some() { 1.0 } else { 0.0 },
            trigger: cause.map(trigger),
            languages: turn.language.filter(|_| hinted.is_none()).into_iter().collect(),
            languages_hinted: hinted.into_iter().collect(),
        }))
    }

    /// Changes what the host can change in the middle of a stream.
    fn configure(&mut self, wanted: &Configure) -> ServerMessage {
        let thresholds = wanted.thresholds.clone().unwrap_or_default();
        let options = &self.request.options;
        let languages = options.language.as_slice();
        let is_other =
            |wanted: &Option<OneOrMany>, set: &[String]| wanted.as_ref().is_some_and(|wanted| wanted.all() != set);
        let cannot = if thresholds.eager_eot_threshold.is_some() {
            Some(("EAGER_EOT_THRESHOLD", "`eager_eot_threshold` is not supported: leave it out"))
        } else if is_other(&wanted.keyterms, &options.phrases) {
            Some(("KEYTERMS", "`keyterms` cannot change during a stream: set `keyterm` in the URL of the next one"))
        } else if is_other(&wanted.language_hints, languages) {
            let description =
                "`language_hints` cannot change during a stream: set `language_hint` in the URL of the next one";
            Some(("LANGUAGE_HINTS", description))
        } else {
            None
        };
        if let Some((name, description)) = cannot {
            let code = format!("CONFIGURE_{name}_NOT_SUPPORTED");
            return ServerMessage::ConfigureFailure { code, description: description.to_owned() };
        }
        match thresholds.eot_timeout_ms.map(silence).transpose() {
            Ok(silence) => self.turns.silence = silence.unwrap_or(self.turns.silence),
            Err(failure) => {
                let code = "CONFIGURE_EOT_TIMEOUT_MS_INVALID".to_owned();
                return ServerMessage::ConfigureFailure { code, description: failure.to_string() };
            }
        }
        let eot_timeout_ms = u32::try_from(self.turns.silence.as_millis()).ok();
        ServerMessage::ConfigureSuccess {
            thresholds: Thresholds { eot_timeout_ms, ..Thresholds::default() },
            keyterms: options.phrases.clone(),
            language_hints: languages.to_vec(),
        }
    }
}

fn trigger(cause: Cause) -> Trigger {
    match cause {
        Cause::Engine => Trigger::Model,
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
        let flush = self.turns.is_silent(self.time());
        if flush {
            self.turns.ask(Cause::Silence);
        }
        Ok(Ask { finish: audio.is_empty(), audio, flush, ..Ask::default() })
    }

    fn is_contained(&self) -> bool {
        self.request.options.audio.is_none()
    }

    fn processed(&mut self, frames: u64) {
        self.frames = frames;
    }

    fn request(&mut self, _: &Admitted) -> Result<SessionRequest, Failure> {
        Ok(self.request.wanted().session(self.audio, Pace::Live))
    }

    fn opened(&mut self, info: &SessionInfo, metrics: &Metrics, _: &mut Vec<Message>) -> Result<(), Failure> {
        self.audio = info.audio;
        self.turns.open(&info.metadata);
        tracing::debug!(stream = info.id, request_id = self.request.id, "stream of a client of Flux");
        note_ignored(self.protocol.name, &self.request.options.ignored, info, metrics);
        Ok(())
    }

    fn tell(&mut self, event: &Event, out: &mut Vec<Message>) {
        for change in self.turns.event(event) {
            out.push(self.turn(change));
        }
    }

    fn done(&mut self, out: &mut Vec<Message>) -> bool {
        if let Some(change) = self.turns.end(Cause::Client) {
            out.push(self.turn(change));
        }
        out.push(close(1000, ""));
        false
    }

    fn failed(&mut self, failure: &Failure) -> Vec<Message> {
        use FailureCode as C;
        let mut last = Vec::new();
        // All text is there then.
        if matches!(failure.code, C::ShuttingDown | C::EndedByOperator)
            && let Some(change) = self.turns.end(Cause::Client)
        {
            last.push(self.turn(change));
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
    use auricle_plugin_api::Segment;
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
            (r#""keyterms":["b"]"#, "KEYTERMS_NOT_SUPPORTED"),
            (r#""language_hints":["en"]"#, "LANGUAGE_HINTS_NOT_SUPPORTED"),
            (r#""thresholds":{"eot_timeout_ms":1}"#, "EOT_TIMEOUT_MS_INVALID"),
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
