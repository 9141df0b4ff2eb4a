//! The writing half of a connection: a stream's events become numbered messages, then the close frame.

use super::{
    messages::{ServerEvent, ServerMessage},
    translate::Translator,
};
use crate::{
    admission::Ticket,
    failure::{Failure, FailureCode},
    stream::{Event, Stream},
};
use futures_util::{SinkExt, stream::SplitSink};
use std::{sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Notify,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Bytes, Message,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

/// The most a close frame can hold (RFC 6455, 5.5), less the code.
const CLOSE_REASON_BYTES: usize = 123;

/// Writes one connection.
pub(super) struct Writer<S> {
    sink: SplitSink<WebSocketStream<S>, Message>,
    sequence: u64,
    limit: Duration,
}

impl<S> Writer<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    pub(super) fn new(sink: SplitSink<WebSocketStream<S>, Message>, limit: Duration) -> Self {
        Self { sink, sequence: 0, limit }
    }

    pub(super) fn into_sink(self) -> SplitSink<WebSocketStream<S>, Message> {
        self.sink
    }

    /// Sends the stream's events until the last, then closes. Ends early where the client does not take them.
    pub(super) async fn run(
        mut self,
        stream: Arc<Stream>,
        ticket: Arc<Ticket>,
        translator: Translator,
        ping: Arc<Notify>,
    ) -> Self {
        loop {
            let sent = tokio::select! {
                events = stream.events() => {
                    let mut end = None;
                    let mut messages = Vec::with_capacity(events.len());
                    for event in events {
                        let event = match ticket.said(&event) {
                            Ok(()) => event,
                            Err(failure) => {
                                stream.fail(failure.clone());
                                Event::Failed(failure)
                            }
                        };
                        end = match &event {
                            Event::Done(_) => Some(None),
                            Event::Failed(failure) => Some(Some(failure.clone())),
                            _ => None,
                        };
                        messages.push(self.number(translator.message(event)));
                        if end.is_some() {
                            break;
                        }
                    }
                    if let Some(failure) = end {
                        messages.push(close_message(failure.as_ref()));
                        let _ = self.send(messages).await;
                        return self;
                    }
                    self.send(messages).await
                }
                () = ping.notified() => self.send(vec![Message::Ping(Bytes::new())]).await,
            };
            match sent {
                Ok(()) => {}
                // The reader sees the same and finishes the stream.
                Err(Unsent::Lost) => return self,
                Err(Unsent::Late) => {
                    let limit = self.limit.as_secs_f64();
                    let message = format!("the client took nothing for {limit} s");
                    // No more events are taken: nothing else would count it.
                    ticket.failed(FailureCode::SlowReader);
                    stream.fail(Failure::new(FailureCode::SlowReader, message));
                    return self;
                }
            }
        }
    }

    /// Says why there is no stream, and closes.
    pub(super) async fn refuse(&mut self, failure: Failure) {
        let close = close_message(Some(&failure));
        let error = self.number(ServerEvent::Error { code: failure.code, message: failure.message });
        let _ = self.send(vec![error, close]).await;
    }

    fn number(&mut self, event: ServerEvent) -> Message {
        let message = ServerMessage { seq: self.sequence, event };
        self.sequence += 1;
        match serde_json::to_string(&message) {
            Ok(text) => Message::text(text),
            // Numbers are finite and keys are texts: nothing in a message can fail to be written.
            Err(error) => Message::text(format!(r#"{{"seq":{},"type":"error","message":"{error}"}}"#, message.seq)),
        }
    }

    async fn send(&mut self, messages: Vec<Message>) -> Result<(), Unsent> {
        let send = async {
            for message in messages {
                self.sink.feed(message).await?;
            }
            self.sink.flush().await
        };
        match timeout(self.limit, send).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                tracing::debug!("cannot send: {error}");
                Err(Unsent::Lost)
            }
            Err(_) => Err(Unsent::Late),
        }
    }
}

/// Why messages did not get to the client.
enum Unsent {
    /// The connection is gone.
    Lost,
    /// The client does not read.
    Late,
}

fn close_message(failure: Option<&Failure>) -> Message {
    let (code, reason) = match failure {
        None => (CloseCode::Normal, String::new()),
        Some(failure) => (CloseCode::from(failure.code.close_code()), format!("{}: {failure}", failure.code)),
    };
    let mut end = reason.len().min(CLOSE_REASON_BYTES);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    Message::Close(Some(CloseFrame { code, reason: reason[..end].into() }))
}
