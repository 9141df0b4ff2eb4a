//! Messages over a local socket, with blocking reads and writes.
//!
//! Sender and receiver are separate types, because the message read last is borrowed while events are written. Threads:
//! each is used by one thread at a time.

use super::wire::{self, WireError};
use rustix::{
    io::Errno,
    net::{RecvFlags, SendFlags},
};
use serde::{Deserialize, Serialize};
use std::{
    io::{self, ErrorKind, Read, Write},
    ops::Range,
    os::unix::net::UnixStream,
    time::Duration,
};

/// The smallest number of bytes requested per read.
const READ_BYTES: usize = 16 << 10;
/// The number of added bytes at which they are sent.
const MOST_BUFFERED: usize = 256 << 10;

/// Splits a socket into a sender and a receiver.
///
/// # Errors
/// The socket cannot be duplicated.
pub(super) fn split(socket: UnixStream) -> io::Result<(Sender, Receiver)> {
    let sender = Sender { socket: socket.try_clone()?, bytes: Vec::new() };
    Ok((sender, Receiver { socket, bytes: Vec::new(), read: 0, filled: 0 }))
}

/// Writes messages.
#[derive(Debug)]
pub(super) struct Sender {
    socket: UnixStream,
    bytes: Vec<u8>,
}

impl Sender {
    /// Sends a message, after those that were added before.
    ///
    /// # Errors
    /// `InvalidInput` if the message is too long; it is not sent then. Otherwise the system's error.
    pub(super) fn send(&mut self, message: &impl Serialize) -> io::Result<()> {
        self.encode(message)?;
        self.flush()
    }

    /// Adds a message to the buffer. It is sent with the next sent message at the latest.
    ///
    /// # Errors
    /// See [`send`](Self::send).
    pub(super) fn add(&mut self, message: &impl Serialize) -> io::Result<()> {
        self.encode(message)?;
        if self.bytes.len() < MOST_BUFFERED { Ok(()) } else { self.flush() }
    }

    /// Adds a message to the buffer, without sending.
    ///
    /// # Errors
    /// `InvalidInput` if the message is too long.
    pub(super) fn encode(&mut self, message: &impl Serialize) -> io::Result<()> {
        wire::encode(message, &mut self.bytes).map_err(|problem| io::Error::new(ErrorKind::InvalidInput, problem))
    }

    /// Sends as much of the buffer as the other end accepts without waiting. The rest stays.
    ///
    /// # Errors
    /// The system's error; the buffer is empty then.
    pub(super) fn try_flush(&mut self) -> io::Result<()> {
        while !self.bytes.is_empty() {
            match rustix::net::send(&self.socket, &self.bytes, SendFlags::DONTWAIT) {
                Ok(count) => drop(self.bytes.drain(..count)),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(()),
                Err(error) => {
                    self.bytes.clear();
                    return Err(error.into());
                }
            }
        }
        Ok(())
    }

    /// The number of bytes in the buffer.
    pub(super) fn waiting(&self) -> usize {
        self.bytes.len()
    }

    /// Sends the buffer.
    ///
    /// # Errors
    /// The system's error.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let sent = self.socket.write_all(&self.bytes);
        self.bytes.clear();
        sent
    }

    /// Limits how long a write may wait.
    pub(super) fn limit(&self, limit: Duration) -> io::Result<()> {
        self.socket.set_write_timeout(Some(limit))
    }

    /// Whether there is unread input, or the other end has closed the socket.
    pub(super) fn has_input(&self) -> bool {
        let peek = rustix::net::recv(&self.socket, &mut [0u8; 1][..], RecvFlags::PEEK | RecvFlags::DONTWAIT);
        peek.is_ok()
    }
}

/// Reads messages.
#[derive(Debug)]
pub(super) struct Receiver {
    socket: UnixStream,
    bytes: Vec<u8>,
    /// The positions in `bytes` up to which messages were returned, and up to which it is filled.
    read: usize,
    filled: usize,
}

/// The result of [`Receiver::receive`].
#[derive(Debug)]
pub(super) enum Received<M> {
    Message(M),
    /// No complete message came within the time limit.
    Nothing,
    /// The other end has closed the socket.
    Closed,
}

impl Receiver {
    /// Limits how long [`receive`](Self::receive) waits.
    pub(super) fn limit(&self, limit: Duration) -> io::Result<()> {
        self.socket.set_read_timeout(Some(limit))
    }

    /// Waits for a message.
    ///
    /// # Errors
    /// `InvalidData` if the bytes are not a valid message, otherwise the system's error.
    pub(super) fn receive<'a, M: Deserialize<'a>>(&'a mut self) -> io::Result<Received<M>> {
        let invalid = |problem| io::Error::new(ErrorKind::InvalidData, problem);
        loop {
            if let Some(message) = self.next_message().map_err(invalid)? {
                let message = wire::decode(&self.bytes[message]).map_err(invalid)?;
                return Ok(Received::Message(message));
            }
            self.make_room();
            match self.socket.read(&mut self.bytes[self.filled..]) {
                Ok(0) => return Ok(Received::Closed),
                Ok(count) => self.filled += count,
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => return Ok(Received::Nothing),
                    ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => return Ok(Received::Closed),
                    _ => return Err(error),
                },
            }
        }
    }

    /// The range of the next message, if it is complete. It counts as read then.
    fn next_message(&mut self) -> Result<Option<Range<usize>>, WireError> {
        let Some(length) = wire::length(&self.bytes[self.read..self.filled])? else { return Ok(None) };
        let (begin, end) = (self.read + 4, self.read + 4 + length);
        if end > self.filled {
            return Ok(None);
        }
        self.read = end;
        Ok(Some(begin..end))
    }

    fn make_room(&mut self) {
        self.bytes.copy_within(self.read..self.filled, 0);
        (self.read, self.filled) = (0, self.filled - self.read);
        if self.bytes.len() < self.filled + READ_BYTES {
            self.bytes.resize((2 * self.bytes.len()).max(self.filled + READ_BYTES), 0);
        } else if self.filled == 0 && self.bytes.len() > 64 * READ_BYTES {
            // Release the memory of a long message.
            self.bytes = vec![0; READ_BYTES];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn messages_come_whole_however_they_are_cut() {
        let (near, far) = UnixStream::pair().unwrap();
        let (mut sender, _) = split(near).unwrap();
        let (_, mut receiver) = split(far).unwrap();
        let texts: Vec<String> = (0..40).map(|n| "x".repeat(n * n * 97 % 70_000)).collect();
        let sent = texts.clone();
        let writing = thread::spawn(move || texts.iter().for_each(|text| sender.send(text).unwrap()));
        for text in sent {
            let Received::Message(received) = receiver.receive::<String>().unwrap() else { panic!("closed") };
            assert_eq!(received, text);
        }
        writing.join().unwrap();
        assert!(matches!(receiver.receive::<String>().unwrap(), Received::Closed));
    }

    #[test]
    fn what_was_added_goes_before_what_is_sent() {
        let (near, far) = UnixStream::pair().unwrap();
        let (mut sender, _) = split(near).unwrap();
        let (_, mut receiver) = split(far).unwrap();
        receiver.limit(Duration::from_millis(1)).unwrap();
        sender.add(&1u8).unwrap();
        assert!(matches!(receiver.receive::<u8>().unwrap(), Received::Nothing));
        sender.send(&2u8).unwrap();
        assert!(matches!(receiver.receive().unwrap(), Received::Message(1u8)));
        assert!(matches!(receiver.receive().unwrap(), Received::Message(2u8)));
        thread::spawn(move || sender.add(&vec![7u8; MOST_BUFFERED]).unwrap());
        receiver.limit(Duration::from_secs(10)).unwrap();
        assert!(matches!(receiver.receive::<Vec<u8>>().unwrap(), Received::Message(_)));
    }

    #[test]
    fn waiting_ends_and_a_call_is_noticed() {
        let (near, far) = UnixStream::pair().unwrap();
        let (mut sender, _) = split(near).unwrap();
        let (back, mut receiver) = split(far).unwrap();
        receiver.limit(Duration::from_millis(1)).unwrap();
        assert!(matches!(receiver.receive::<u8>().unwrap(), Received::Nothing));
        assert!(!back.has_input());
        sender.send(&1u8).unwrap();
        assert!(back.has_input());
        assert!(matches!(receiver.receive().unwrap(), Received::Message(1u8)));
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        let (mut near, far) = UnixStream::pair().unwrap();
        near.write_all(&[255; 8]).unwrap();
        let (_, mut receiver) = split(far).unwrap();
        assert_eq!(receiver.receive::<u8>().unwrap_err().kind(), ErrorKind::InvalidData);
    }
}
