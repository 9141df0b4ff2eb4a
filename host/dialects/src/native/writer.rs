//! The writing half of a connection: sends a session's events as messages, then the close frame.

use super::{
    codes::close_code,
    messages::{ServerEvent, ServerMessage},
    translate::Translator,
};
use crate::websocket::{Sender, Unsent, close};
use auricle_core::{Event, Failure, FailureCode};
use auricle_session::SessionEvents;
use std::sync::Arc;
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::Message;

/// Writes a connection.
pub(super) struct Writer {
    sender: Sender,
}

impl Writer {
    pub(super) fn new(sender: Sender) -> Self {
        Self { sender }
    }

    pub(super) fn into_sender(self) -> Sender {
        self.sender
    }

    /// Sends the session's events up to the last, then closes. Stops early if the client does not read.
    pub(super) async fn run(mut self, mut events: SessionEvents, translator: Translator, ping: Arc<Notify>) -> Self {
        loop {
            let sent = tokio::select! {
                batch = events.next() => {
                    let Some(last) = batch.last() else { return self };
                    let close = match &last.event {
                        Event::Done(_) => Some(close(1000, "")),
                        Event::Failed(failure) => Some(close_message(failure)),
                        _ => None,
                    };
                    let ends = close.is_some();
                    let mut messages: Vec<_> =
                        batch.iter().map(|event| json(event.seq, translator.message(&event.event))).collect();
                    messages.extend(close);
                    let sent = self.sender.send(messages).await;
                    if sent.is_ok() {
                        events.acknowledge(last.seq);
                    }
                    if ends {
                        return self;
                    }
                    sent
                }
                () = ping.notified() => self.sender.ping().await,
            };
            match sent {
                Ok(()) => {}
                // The end of this task tells the reader, which finishes the stream.
                Err(Unsent::Lost) => return self,
                Err(Unsent::Late) => {
                    let message = format!("the client read nothing for {} s", self.sender.limit().as_secs_f64());
                    events.give_up(Failure::new(FailureCode::SlowReader, message));
                    return self;
                }
            }
        }
    }

    /// Sends the failure of a stream that was not opened, and closes.
    pub(super) async fn refuse(&mut self, failure: Failure) {
        let close = close_message(&failure);
        // If it cannot be sent, the client is gone.
        let _ = self.sender.send([json(0, Translator::error(&failure)), close]).await;
    }
}

fn json(seq: u64, event: ServerEvent) -> Message {
    match serde_json::to_string(&ServerMessage { seq, event }) {
        Ok(text) => Message::text(text),
        // Cannot happen: numbers are finite and keys are strings.
        Err(error) => Message::text(format!(r#"{{"seq":{seq},"type":"error","message":"{error}"}}"#)),
    }
}

fn close_message(failure: &Failure) -> Message {
    close(close_code(failure.code), &format!("{}: {failure}", failure.code.for_clients()))
}
