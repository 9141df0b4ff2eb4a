//! The reading half of a WebSocket: receives messages, and detects the different ends of the input.
//!
//! Invariant: once [`Receiver::is_over`] returns true, nothing more arrives, although the client may still read. One
//! task.

use super::{
    sender::Sender,
    socket::{Socket, WebSocket},
};
use auricle_core::{Failure, FailureCode};
use futures_util::{FutureExt, StreamExt, stream::SplitStream};
use std::{
    future::poll_fn,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};
use tokio_tungstenite::tungstenite::{
    Bytes, Error as WsError, Message, Utf8Bytes,
    error::{CapacityError, ProtocolError},
};

/// Time limit for the client's answer to the close frame.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// Stands for a close frame without a code (RFC 6455, 7.1.5).
const NO_CODE: u16 = 1005;

/// Reads a connection.
pub struct Receiver {
    source: SplitStream<WebSocket>,
    /// Set by the socket when a poll of `source` reaches the end of the input.
    end: Arc<AtomicBool>,
    /// Message boundaries are lost after invalid data.
    broken: bool,
    ended: bool,
    /// The code of the client's close frame.
    close_code: Option<u16>,
    /// A result that arrived during other work; it is returned next.
    held: Option<Result<Incoming, Failure>>,
}

/// An item received from the client.
#[derive(Debug)]
pub enum Incoming {
    /// A binary message.
    Binary(Bytes),
    /// A text message.
    Text(Utf8Bytes),
    /// A ping or pong.
    Alive,
    /// The client has closed its sending half; it may still read.
    Ended,
    /// The client has disconnected.
    Gone,
}

impl Receiver {
    pub(super) fn new(source: SplitStream<WebSocket>, end: Arc<AtomicBool>) -> Self {
        Self { source, end, broken: false, ended: false, close_code: None, held: None }
    }

    /// Whether nothing more will arrive.
    pub fn is_over(&self) -> bool {
        (self.broken || self.ended) && self.held.is_none()
    }

    /// Whether the client has closed the connection because it wants no more: with a close frame without a code, or with one of
    /// these: normal, going away.
    pub fn has_left(&self) -> bool {
        self.close_code.is_some_and(|code| [1000, 1001, NO_CODE].contains(&code))
    }

    /// Waits for `work`. Pings are answered in the meantime, and at most one message is held. Returns `None` if the
    /// client disconnects.
    pub async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return Some(done),
                incoming = self.next(), if self.held.is_none() => match incoming {
                    Ok(Incoming::Alive) => {}
                    Ok(Incoming::Gone) => return None,
                    other => self.held = Some(other),
                },
            }
        }
    }

    /// Returns a binary message that has already arrived; anything else is held.
    pub fn more(&mut self) -> Option<Bytes> {
        match self.next().now_or_never() {
            Some(Ok(Incoming::Binary(more))) => Some(more),
            other => {
                self.held = other;
                None
            }
        }
    }

    /// Waits for the next message. Cancel-safe.
    ///
    /// # Errors
    /// The received data is invalid; nothing more will arrive.
    pub async fn next(&mut self) -> Result<Incoming, Failure> {
        if let Some(held) = self.held.take() {
            return held;
        }
        let Some(message) = self.message().await else {
            self.ended = true;
            return Ok(Incoming::Ended);
        };
        let error = match message {
            Some(Ok(Message::Binary(bytes))) => return Ok(Incoming::Binary(bytes)),
            Some(Ok(Message::Text(text))) => return Ok(Incoming::Text(text)),
            Some(Ok(Message::Close(frame))) => {
                self.close_code = Some(frame.map_or(NO_CODE, |frame| frame.code.into()));
                // Polls once more so that the answer is sent.
                let _ = timeout(CLOSE_LIMIT, self.source.next()).await;
                return Ok(Incoming::Gone);
            }
            Some(Ok(_)) => return Ok(Incoming::Alive),
            None => return Ok(Incoming::Gone),
            Some(Err(error)) => error,
        };
        self.broken = true;
        match error {
            WsError::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
                let message =
                    format!("a message of {size} bytes; the limit is {max_size}: send audio in smaller pieces");
                Err(Failure::new(FailureCode::TooLarge, message))
            }
            WsError::Utf8(_) => Err(Failure::new(FailureCode::BadMessage, "a text message that is not UTF-8")),
            WsError::Protocol(problem) if problem != ProtocolError::ResetWithoutClosingHandshake => {
                Err(Failure::new(FailureCode::BadMessage, format!("this is not WebSocket: {problem}")))
            }
            error => {
                tracing::debug!("connection lost: {error}");
                Ok(Incoming::Gone)
            }
        }
    }

    /// The next item of the WebSocket; `None` at the end of the input.
    async fn message(&mut self) -> Option<Option<Result<Message, WsError>>> {
        poll_fn(|context| match self.source.poll_next_unpin(context) {
            Poll::Ready(message) => Poll::Ready(Some(message)),
            Poll::Pending if self.end.load(Ordering::Relaxed) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await
    }

    /// After the close frame, reads until the client has answered it, for a short time at most. Closing a connection
    /// with unread input could discard data that was sent but not yet received.
    pub async fn linger(mut self, sender: Sender) {
        let read_on = async {
            while let Some(Some(Ok(_))) = self.message().await {}
            // The client's answer cannot be recognised in invalid data, so read to the end of the input.
            if self.broken
                && let Ok(mut socket) = self.source.reunite(sender.into_sink())
            {
                let socket: &mut Socket = socket.get_mut();
                socket.show_end();
                let _ = socket.shutdown().await;
                let mut discarded = vec![0; 4 << 10];
                while socket.read(&mut discarded).await.is_ok_and(|count| count > 0) {}
            }
        };
        let _ = timeout(CLOSE_LIMIT, read_on).await;
    }
}
