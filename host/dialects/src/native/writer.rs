//! The writing half of a connection: sends a session's events as messages, then the close frame.

use super::{
    codes::close_code,
    messages::{ServerEvent, ServerMessage},
    translate::Translator,
};
use crate::websocket::{Sender, Unsent, close};
use auricle_core::{Event, Failure, FailureCode, times::rounded};
use auricle_session::{NumberedEvent, SessionEvents, Sessions};
use std::{pin::pin, sync::Arc, time::Duration};
use tokio::{
    sync::Notify,
    time::{MissedTickBehavior, interval},
};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

/// How often a client that can resume is told what the server has.
const ACK_EVERY: Duration = Duration::from_secs(1);

/// Writes a connection.
pub(super) struct Writer {
    sender: Sender,
}

/// What a writer tells the client, beside events.
pub(super) struct Signals {
    /// The reader wants a ping to be sent.
    pub(super) ping: Arc<Notify>,
    /// The server may stop.
    pub(super) sessions: Arc<Sessions>,
}

/// A writer that has ended.
pub(super) struct Written {
    pub(super) writer: Writer,
    pub(super) events: SessionEvents,
    pub(super) end: End,
}

/// How a writer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The last event and the close frame were sent.
    Closed,
    /// The client is gone, does not read, or another task stopped the writer.
    Broken,
}

impl Writer {
    pub(super) fn new(sender: Sender) -> Self {
        Self { sender }
    }

    pub(super) fn into_sender(self) -> Sender {
        self.sender
    }

    /// Sends the `first` messages and the session's events up to the last, then closes. Ends early if the client does not
    /// read, or when `stop` is cancelled.
    pub(super) async fn run(
        mut self,
        mut events: SessionEvents,
        translator: Translator,
        first: Vec<Message>,
        signals: Signals,
        stop: CancellationToken,
    ) -> Written {
        let end = tokio::select! {
            end = self.write(&mut events, translator, first, signals) => end,
            () = stop.cancelled() => End::Broken,
        };
        Written { writer: self, events, end }
    }

    async fn write(
        &mut self,
        events: &mut SessionEvents,
        translator: Translator,
        first: Vec<Message>,
        Signals { ping, sessions }: Signals,
    ) -> End {
        let is_resumable = translator.is_resumable();
        let mut acks = interval(ACK_EVERY);
        acks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut going_away, mut is_told) = (pin!(sessions.going_away()), false);
        let mut heard = None;
        let mut sent = if first.is_empty() { Ok(()) } else { self.sender.send(first).await };
        loop {
            match sent {
                Ok(()) => {}
                // The end of this task tells the reader, which finishes the stream.
                Err(Unsent::Lost) => return End::Broken,
                Err(Unsent::Late) => {
                    if !is_resumable {
                        let message = format!("the client read nothing for {} s", self.sender.limit().as_secs_f64());
                        events.give_up(Failure::new(FailureCode::SlowReader, message));
                    }
                    return End::Broken;
                }
            }
            sent = tokio::select! {
                batch = events.next() => {
                    let Some(last) = batch.last() else { return End::Broken };
                    let close = match &last.event {
                        Event::Done(_) => Some(close(1000, "")),
                        Event::Failed(failure) => Some(close_message(failure)),
                        _ => None,
                    };
                    let ends = close.is_some();
                    let mut messages: Vec<_> = batch.iter().map(|event| numbered(event, &translator)).collect();
                    messages.extend(close);
                    let sent = self.sender.send(messages).await;
                    if sent.is_ok() && !is_resumable {
                        events.acknowledge(last.seq);
                    }
                    if ends {
                        return if sent.is_ok() || !is_resumable { End::Closed } else { End::Broken };
                    }
                    sent
                }
                () = ping.notified() => self.sender.ping().await,
                left = &mut going_away, if !is_told => {
                    is_told = true;
                    let seconds = rounded(left);
                    self.sender.send([json(ServerEvent::GoingAway { seconds })]).await
                }
                _ = acks.tick(), if is_resumable => {
                    let had = events.heard();
                    let now = translator.heard(had);
                    // The client answers it with its own.
                    if !had.wants_ack && (heard == Some(now) || now.received == 0) {
                        Ok(())
                    } else {
                        heard = Some(now);
                        self.sender.send([json(ServerEvent::Ack(now))]).await
                    }
                }
            };
        }
    }

    /// Sends the `first` messages to a client that resumes a session which has ended, and closes as after its last event.
    pub(super) async fn end(&mut self, first: Vec<Message>, last: Option<&NumberedEvent>) {
        let close = match last.map(|last| &last.event) {
            Some(Event::Failed(failure)) => close_message(failure),
            _ => close(1000, ""),
        };
        // If it cannot be sent, the client may ask again.
        let _ = self.sender.send(first.into_iter().chain([close])).await;
    }

    /// Closes the connection of a session that the next server continues.
    pub(super) async fn suspend(&mut self) {
        let failure = Failure::new(FailureCode::ShuttingDown, "the server stops; resume the stream with the next one");
        // If it cannot be sent, the client is gone.
        let _ = self.sender.send([close_message(&failure)]).await;
    }

    /// Sends the failure of a stream that was not opened, and closes.
    pub(super) async fn refuse(&mut self, failure: Failure) {
        let close = close_message(&failure);
        // If it cannot be sent, the client is gone.
        let error = ServerMessage { seq: Some(0), channel: None, event: Translator::error(&failure) };
        let _ = self.sender.send([written(&error), close]).await;
    }
}

/// The message of an event.
pub(super) fn numbered(event: &NumberedEvent, translator: &Translator) -> Message {
    written(&translator.numbered(event))
}

/// A message about the connection.
pub(super) fn json(event: ServerEvent) -> Message {
    written(&ServerMessage { seq: None, channel: None, event })
}

fn written(message: &ServerMessage) -> Message {
    match serde_json::to_string(message) {
        Ok(text) => Message::text(text),
        // Cannot happen: numbers are finite and keys are strings.
        Err(error) => Message::text(format!(r#"{{"type":"error","message":"{error}"}}"#)),
    }
}

fn close_message(failure: &Failure) -> Message {
    close(close_code(failure.code), &format!("{}: {failure}", failure.code.for_clients()))
}
