//! An engine host's end of a front's connection: messages, with limits of size and time. One task.

use auricle_cluster::{
    handshake::{self, HandshakeError},
    messages::{self, Answer, Request},
};
use auricle_dialects::websocket::Duplex;
use serde::Serialize;
use std::{
    io::{self, ErrorKind},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    time::timeout,
};

/// Bytes that are read at once.
const READ_BYTES: usize = 8 << 10;
/// The number of bytes at which answers are sent.
const MOST_UNSENT: usize = 64 << 10;

/// A connection of a front.
pub(super) struct Wire {
    socket: BufReader<Box<dyn Duplex>>,
    write_limit: Duration,
    /// The message that was read last.
    message: Vec<u8>,
    unsent: Vec<u8>,
}

impl Wire {
    pub(super) fn new(socket: Box<dyn Duplex>, write_limit: Duration) -> Self {
        let socket = BufReader::with_capacity(READ_BYTES, socket);
        Self { socket, write_limit, message: Vec::new(), unsent: Vec::new() }
    }

    /// Waits for a message of the handshake. Not cancel-safe.
    pub(super) async fn greeting(&mut self) -> Result<&[u8], HandshakeError> {
        Ok(self.read(handshake::MOST_BYTES).await?)
    }

    /// Sends a message of the handshake.
    pub(super) async fn greet(&mut self, message: &impl Serialize) -> io::Result<()> {
        self.unsent.extend(handshake::encode(message));
        self.send().await
    }

    /// Waits for a request. Not cancel-safe.
    pub(super) async fn request(&mut self) -> io::Result<Request<'_>> {
        let bytes = self.read(messages::MOST_BYTES).await?;
        messages::decode(bytes).map_err(|problem| io::Error::new(ErrorKind::InvalidData, problem))
    }

    /// Adds an answer to those that will be sent.
    pub(super) fn add(&mut self, answer: &Answer<'_>) -> io::Result<()> {
        messages::encode(answer, &mut self.unsent).map_err(|problem| io::Error::new(ErrorKind::InvalidInput, problem))
    }

    /// Sends an answer, after those that were added.
    pub(super) async fn answer(&mut self, answer: &Answer<'_>) -> io::Result<()> {
        self.add(answer)?;
        self.send().await
    }

    /// Sends what was added.
    pub(super) async fn send(&mut self) -> io::Result<()> {
        let written = async {
            self.socket.write_all(&self.unsent).await?;
            self.socket.flush().await
        };
        let sent = timeout(self.write_limit, written).await.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()));
        self.unsent.clear();
        if self.unsent.capacity() > 2 * MOST_UNSENT {
            self.unsent = Vec::new();
        }
        sent
    }

    /// Waits until the front sends something or closes. What it sent is lost.
    pub(super) async fn stirs(&mut self) {
        let _ = self.socket.read_u8().await;
    }

    async fn read(&mut self, most: usize) -> io::Result<&[u8]> {
        let length = self.socket.read_u32_le().await? as usize;
        if length > most {
            let problem = format!("a message of {length} bytes is announced; the limit is {most}");
            return Err(io::Error::new(ErrorKind::InvalidData, problem));
        }
        // It grows with what comes, not with what is announced.
        self.message.clear();
        if self.message.capacity() > 8 * READ_BYTES {
            self.message = Vec::new();
        }
        let read = (&mut self.socket).take(length as u64).read_to_end(&mut self.message).await?;
        if read < length {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(&self.message)
    }
}
