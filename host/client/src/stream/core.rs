//! The state of a stream, without a network and without a clock.
//!
//! Invariant: when a connection breaks, the next one gets the audio whose text is not final again (see `sending`), so no word is
//! lost and none comes twice. Times in events are those of the whole stream, whatever connection they come from. What could
//! not be kept is reported as [`Event::Gap`].
//!
//! A server that stops ends its streams: its `done` is the end only if it has all audio. Otherwise the stream goes on with the next
//! connection.
//!
//! The driver connects (`connected`), sends what `next_message` returns, gives what it receives to `received`, and tells when
//! a connection is gone (`closed`).

use super::{
    backoff::backoff,
    event::{self, Event, Message},
    sending::{Outgoing, Sending},
    settings::Settings,
};
use crate::failure::Failure;
use auricle_core::{
    FailureCode,
    native::{ClientMessage, Ready, Resumed, Seam, ServerEvent, ServerMessage},
};
use serde::Deserialize;
use std::{collections::VecDeque, time::Duration};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Bytes;

/// Messages that were not read, from which on the connection is not read either.
const ENOUGH_MESSAGES: usize = 256;

/// Seconds of audio that a server may leave out of its `done`: less than a frame of any codec, more than rounding.
const TOLERANCE: f64 = 0.01;

/// What a stream does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Waits for a connection.
    Connecting,
    /// Takes audio and reports text.
    Open,
    /// Waits for the next try to connect.
    Lost,
    /// The audio has ended; the rest of the text is awaited.
    Finishing,
    /// Over.
    Closed,
}

/// The fields of an `error`, also with a code that this version does not know.
#[derive(Deserialize)]
#[serde(tag = "type", rename = "error")]
struct ErrorEvent {
    code: String,
    message: String,
}

/// One stream.
#[derive(Debug)]
pub(super) struct Core {
    give_up: Duration,
    state: State,
    sending: Sending,
    /// What is not read yet.
    messages: VecDeque<Message>,
    /// Why it failed: what every call gets, and what the reader has not got yet.
    reason: Option<Failure>,
    failure: Option<Failure>,
    ready: Option<Ready>,
    is_finishing: bool,
    /// Resets so far.
    epoch: u32,
    /// Why the connection is about to end.
    problem: Option<Failure>,
    attempts: u32,
    lost_since: Option<Instant>,
}

impl Core {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            give_up: settings.give_up,
            state: State::Connecting,
            sending: Sending::new(settings),
            messages: VecDeque::new(),
            reason: None,
            failure: None,
            ready: None,
            is_finishing: false,
            epoch: 0,
            problem: None,
            attempts: 0,
            lost_since: None,
        }
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    /// The server's last `ready`.
    pub(super) fn ready(&self) -> Option<&Ready> {
        self.ready.as_ref()
    }

    /// Why the stream ended, if it failed.
    pub(super) fn reason(&self) -> Option<&Failure> {
        self.reason.as_ref()
    }

    /// Seconds of audio given since the start or the last reset.
    pub(super) fn seconds(&self) -> f64 {
        self.sending.seconds()
    }

    /// Whether the network has taken most of what was given.
    pub(super) fn is_drained(&self) -> bool {
        self.sending.is_drained()
    }

    /// Whether nothing more is expected of the connection.
    pub(super) fn is_over(&self) -> bool {
        self.state == State::Closed || self.problem.is_some()
    }

    /// Whether the reader is behind, so that nothing more should be received.
    pub(super) fn is_full(&self) -> bool {
        self.messages.len() >= ENOUGH_MESSAGES
    }

    /// The next message for the reader; when the last connection is closed, the failure, once; then `None` with `true`.
    pub(super) fn next(&mut self) -> (Option<Result<Message, Failure>>, bool) {
        match self.messages.pop_front() {
            Some(message) => (Some(Ok(message)), false),
            None => (self.failure.take().map(Err), self.state == State::Closed && !self.sending.is_connected()),
        }
    }

    /// Takes audio. While there is no connection it is kept.
    pub(super) fn push(&mut self, audio: Bytes) -> Result<(), Failure> {
        self.check_running()?;
        self.sending.push(audio);
        if self.sending.is_stalled() {
            self.problem.get_or_insert_with(|| Failure::Lost("the network takes no more audio".to_owned()));
        }
        Ok(())
    }

    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        self.check_running()?;
        self.sending.command(ClientMessage::Flush);
        Ok(())
    }

    pub(super) fn reset(&mut self) -> Result<(), Failure> {
        self.check_running()?;
        self.sending.reset();
        self.epoch += 1;
        Ok(())
    }

    pub(super) fn finish(&mut self) {
        if self.is_finishing || self.state == State::Closed {
            return;
        }
        self.is_finishing = true;
        self.sending.command(ClientMessage::Finish);
        if self.state == State::Open {
            self.state = State::Finishing;
        }
    }

    /// Ends the stream without a failure: it is done, or nobody waits for the rest.
    pub(super) fn end(&mut self) {
        self.state = State::Closed;
    }

    /// A connection is open.
    pub(super) fn connected(&mut self) {
        self.problem = None;
        self.sending.connected();
    }

    /// The next message for the server, if there is one now.
    pub(super) fn next_message(&mut self) -> Option<Outgoing> {
        if self.state == State::Closed { None } else { self.sending.next() }
    }

    /// Takes a message of the server.
    pub(super) fn received(&mut self, line: &str, now: Instant) {
        let (_, origin) = self.sending.origin();
        let Ok(message) = serde_json::from_str::<ServerMessage>(line) else {
            if let Ok(ErrorEvent { code, message }) = serde_json::from_str(line) {
                self.problem = Some(Failure::Server { code, message });
            }
            self.messages.push_back(Message { line: Some(line.to_owned()), event: None, channel: None });
            return;
        };
        if let ServerEvent::Ready(ready) = &message.event {
            self.sending.opened(ready);
        }
        // A refusal to resume is not a message of the stream.
        if !self.sending.is_resuming() && message.seq.is_some_and(|seq| !self.sending.arrived(seq)) {
            return;
        }
        self.sending.note(&message.event);
        if let ServerEvent::Done { seconds } = message.event
            && !(self.is_finishing && origin + seconds >= self.seconds() - TOLERANCE)
        {
            let message = format!("the server ended the stream after {seconds:.1} s of its audio");
            self.problem = Some(Failure::Server { code: FailureCode::ShuttingDown.to_string(), message });
            return;
        }
        let is_error = matches!(message.event, ServerEvent::Error { .. });
        if self.sending.is_resetting() && !is_error {
            // About what was discarded.
            return;
        }
        let (line, message) = match origin > 0.0 || self.epoch > 0 {
            false => (line.to_owned(), message),
            true => {
                let message = self.of_the_whole(message, origin);
                (serde_json::to_string(&message).unwrap_or_else(|_| line.to_owned()), message)
            }
        };
        let channel = message.channel;
        match message.event {
            ServerEvent::Ready(ready) => self.is_ready(line, ready, now),
            ServerEvent::Resumed(resumed) => self.is_resumed(&resumed, now),
            ServerEvent::Ack(heard) => self.sending.heard(&heard),
            ServerEvent::Error { code, message } => {
                let code = code.to_string();
                self.problem = Some(Failure::Server { code, message });
                self.messages.push_back(Message { line: Some(line), event: None, channel });
            }
            event => {
                match &event {
                    // Another channel was behind when the stream began again.
                    ServerEvent::Segment(text) if self.sending.has_text(channel, text.end) => return,
                    ServerEvent::Segment(text) => self.sending.text_reached(channel, text.end),
                    ServerEvent::Flushed { .. } => self.sending.flushed(),
                    ServerEvent::Done { .. } => self.end(),
                    _ => {}
                }
                self.messages.push_back(Message { line: Some(line), event: event::event(event), channel });
            }
        }
    }

    /// The connection is gone, or could not be made. Returns the wait until the next try; `None` if there is none.
    pub(super) fn closed(&mut self, failure: Failure, now: Instant, chance: f64) -> Option<Duration> {
        self.sending.disconnected();
        if self.state == State::Closed {
            return None;
        }
        let mut failure = self.problem.take().unwrap_or(failure);
        if let Failure::Server { code, message } = &failure
            && *code == FailureCode::UnknownStream.to_string()
        {
            // What the server does not have any more begins again.
            failure = Failure::Lost(message.clone());
            self.sending.begins_again();
        }
        let since = *self.lost_since.get_or_insert(now);
        if self.ready.is_none() || !failure.passes() || now - since >= self.give_up {
            (self.failure, self.reason) = (Some(failure.clone()), Some(failure));
            self.end();
            return None;
        }
        let retry_in = backoff(self.attempts, chance);
        self.attempts = self.attempts.saturating_add(1);
        self.state = State::Lost;
        self.tell(Event::Lost { failure, retry_in });
        Some(retry_in)
    }

    /// The next try begins.
    pub(super) fn connecting(&mut self) {
        if self.state == State::Lost {
            self.state = State::Connecting;
        }
    }

    /// A message with the times and counts of the whole stream.
    fn of_the_whole(&self, message: ServerMessage, origin: f64) -> ServerMessage {
        let mut message = event::later(message, origin);
        match &mut message.event {
            ServerEvent::Ready(ready) => ready.epoch = self.epoch,
            ServerEvent::Flushed { sample } => *sample += self.sending.origin().0,
            ServerEvent::Done { seconds } => *seconds = self.seconds(),
            _ => {}
        }
        message
    }

    fn is_ready(&mut self, line: String, ready: Ready, now: Instant) {
        self.attempts = 0;
        self.state = if self.is_finishing { State::Finishing } else { State::Open };
        self.ready = Some(ready.clone());
        self.messages.push_back(Message { line: Some(line), event: Some(Event::Ready(ready)), channel: None });
        let (_, start) = self.sending.origin();
        let gap = self.sending.take_gap();
        self.goes_on(start, gap, false, now);
    }

    /// The server goes on with its stream, and sends what has not arrived.
    fn is_resumed(&mut self, resumed: &Resumed, now: Instant) {
        let gap = (resumed.missed > 0).then(|| self.sending.unheard(resumed));
        if !self.sending.resumed(resumed) {
            let message = "the server lacks audio that is not kept any more: the stream begins again";
            self.sending.begins_again();
            self.problem = Some(Failure::Lost(message.to_owned()));
            return;
        }
        self.attempts = 0;
        self.state = if self.is_finishing { State::Finishing } else { State::Open };
        let (start, is_exact) = (self.sending.sent_seconds(), gap.is_none() && resumed.seam != Some(Seam::Lossless));
        self.goes_on(start, gap, is_exact, now);
    }

    /// Reports that there is a connection again, if there was none, and that audio from `start` on is sent again.
    fn goes_on(&mut self, start: f64, gap: Option<(f64, f64)>, is_exact: bool, now: Instant) {
        let Some(since) = self.lost_since.take() else { return };
        if let Some((start, end)) = gap {
            self.tell(Event::Gap { start, end });
        }
        self.tell(Event::Resumed { start, away: now - since, is_exact });
    }

    /// Reports what the server does not say.
    fn tell(&mut self, event: Event) {
        self.messages.push_back(Message { line: None, event: Some(event), channel: None });
    }

    fn check_running(&self) -> Result<(), Failure> {
        match &self.reason {
            Some(failure) => Err(failure.clone()),
            None if self.is_finishing || self.state == State::Closed => Err(Failure::Finished),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
