//! The writing half of a WebSocket: sends messages within a time limit, and the close frame.

use super::socket::WebSocket;
use futures_util::{SinkExt, stream::SplitSink};
use std::time::Duration;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{
    Bytes, Message,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

/// Maximum length of a close reason (RFC 6455, 5.5).
const CLOSE_REASON_BYTES: usize = 123;

/// Writes a connection.
pub struct Sender {
    sink: SplitSink<WebSocket, Message>,
    limit: Duration,
}

/// The reason why messages could not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsent {
    /// The connection is lost.
    Lost,
    /// The client does not read in time.
    Late,
}

impl Sender {
    pub(super) fn new(sink: SplitSink<WebSocket, Message>, limit: Duration) -> Self {
        Self { sink, limit }
    }

    pub(super) fn into_sink(self) -> SplitSink<WebSocket, Message> {
        self.sink
    }

    /// Time for the client to read what is sent to it.
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// Sends messages with one flush.
    ///
    /// # Errors
    /// The messages could not be sent.
    pub async fn send(&mut self, messages: impl IntoIterator<Item = Message>) -> Result<(), Unsent> {
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

    /// Sends a ping.
    ///
    /// # Errors
    /// The ping could not be sent.
    pub async fn ping(&mut self) -> Result<(), Unsent> {
        self.send([Message::Ping(Bytes::new())]).await
    }
}

/// Creates a close frame. A reason that is too long is truncated.
pub fn close(code: u16, reason: &str) -> Message {
    let mut end = reason.len().min(CLOSE_REASON_BYTES);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    Message::Close(Some(CloseFrame { code: CloseCode::from(code), reason: reason[..end].into() }))
}
