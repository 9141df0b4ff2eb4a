//! The reading half of a WebSocket: messages, and the ways in which there may be no more of them.
//!
//! Invariant: once [`Receiver::is_over`], nothing else will come, though the client may still read. One task.

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

/// How long a client has to answer the close frame.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// Reads one connection.
pub struct Receiver {
    source: SplitStream<WebSocket>,
    /// Set by the socket, in a poll of `source` that finds no message.
    end: Arc<AtomicBool>,
    /// Where one message ends and the next begins cannot be told any more.
    broken: bool,
    ended: bool,
    /// Came while something else was being done, and is next.
    held: Option<Result<Incoming, Failure>>,
}

/// What came from the client.
#[derive(Debug)]
pub enum Incoming {
    /// A binary message.
    Binary(Bytes),
    /// A text message.
    Text(Utf8Bytes),
    /// A ping, a pong.
    Alive,
    /// The client has sent all that it will; it may still read.
    Ended,
    /// The client is gone.
    Gone,
}

impl Receiver {
    pub(super) fn new(source: SplitStream<WebSocket>, end: Arc<AtomicBool>) -> Self {
        Self { source, end, broken: false, ended: false, held: None }
    }

    /// Whether nothing else will come.
    pub fn is_over(&self) -> bool {
        (self.broken || self.ended) && self.held.is_none()
    }

    /// Awaits some work; pings are answered meanwhile, and one message is held. `None` where the client goes away.
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

    /// A binary message that has come already; anything else is held.
    pub fn more(&mut self) -> Option<Bytes> {
        match self.next().now_or_never() {
            Some(Ok(Incoming::Binary(more))) => Some(more),
            other => {
                self.held = other;
                None
            }
        }
    }

    /// Waits for the next message. A call that is dropped loses none.
    ///
    /// # Errors
    /// What is wrong with what came; nothing else will come.
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
            Some(Ok(Message::Close(_))) => {
                // Lets the answer out.
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

    /// What the WebSocket gives next; `None` where the input has ended.
    async fn message(&mut self) -> Option<Option<Result<Message, WsError>>> {
        poll_fn(|context| match self.source.poll_next_unpin(context) {
            Poll::Ready(message) => Poll::Ready(Some(message)),
            Poll::Pending if self.end.load(Ordering::Relaxed) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await
    }

    /// After the close frame: reads on until the client has seen it, a moment at most. A connection closed with unread input
    /// would take what was sent to the client with it.
    pub async fn linger(mut self, sender: Sender) {
        let read_on = async {
            while let Some(Some(Ok(_))) = self.message().await {}
            // The client's answer cannot be told from the rest: reads up to the end of everything.
            if self.broken
                && let Ok(mut socket) = self.source.reunite(sender.into_sink())
            {
                let socket: &mut Socket = socket.get_mut();
                socket.show_end();
                let _ = socket.shutdown().await;
                let mut waste = vec![0; 4 << 10];
                while socket.read(&mut waste).await.is_ok_and(|count| count > 0) {}
            }
        };
        let _ = timeout(CLOSE_LIMIT, read_on).await;
    }
}
