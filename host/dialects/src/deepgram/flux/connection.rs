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
mod tests;
