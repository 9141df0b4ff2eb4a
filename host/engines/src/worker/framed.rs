//! Messages over a local socket, read and written by threads that may wait.
//!
//! The two ends of a socket are apart, because what was read last is still looked at while events are written.

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

/// The least that is asked of the socket at a time.
const READ_BYTES: usize = 16 << 10;
/// What is gathered before it is sent in any case.
const MOST_GATHERED: usize = 256 << 10;

/// Both ends of a socket.
///
/// # Errors
/// The system's.
pub(super) fn split(socket: UnixStream) -> io::Result<(Sender, Receiver)> {
    let sender = Sender { socket: socket.try_clone()?, bytes: Vec::new() };
    Ok((sender, Receiver { socket, bytes: Vec::new(), read: 0, filled: 0 }))
}

/// The end that writes.
#[derive(Debug)]
pub(super) struct Sender {
    socket: UnixStream,
    bytes: Vec<u8>,
}

impl Sender {
    /// Sends a message, behind those that were added.
    ///
    /// # Errors
    /// `InvalidInput` where it is too long (it is not sent then), else the system's.
    pub(super) fn send(&mut self, message: &impl Serialize) -> io::Result<()> {
        self.encode(message)?;
        self.flush()
    }

    /// Adds a message, to be sent with the next one at the latest.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub(super) fn add(&mut self, message: &impl Serialize) -> io::Result<()> {
        self.encode(message)?;
        if self.bytes.len() < MOST_GATHERED { Ok(()) } else { self.flush() }
    }

    /// Adds a message, to be sent some time.
    ///
    /// # Errors
    /// `InvalidInput` where it is too long.
    pub(super) fn encode(&mut self, message: &impl Serialize) -> io::Result<()> {
        wire::encode(message, &mut self.bytes).map_err(|problem| io::Error::new(ErrorKind::InvalidInput, problem))
    }

    /// Sends what was added as far as the other end takes it now; the rest stays.
    ///
    /// # Errors
    /// The system's.
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

    /// How many bytes were added and not sent.
    pub(super) fn waiting(&self) -> usize {
        self.bytes.len()
    }

    /// Sends what was added.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let sent = self.socket.write_all(&self.bytes);
        self.bytes.clear();
        sent
    }

    /// Bounds how long a message may take to send.
    pub(super) fn limit(&self, limit: Duration) -> io::Result<()> {
        self.socket.set_write_timeout(Some(limit))
    }

    /// Whether the other end has sent something that was not read, or is gone.
    pub(super) fn is_called(&self) -> bool {
        let peek = rustix::net::recv(&self.socket, &mut [0u8; 1][..], RecvFlags::PEEK | RecvFlags::DONTWAIT);
        peek.is_ok()
    }
}

/// The end that reads.
#[derive(Debug)]
pub(super) struct Receiver {
    socket: UnixStream,
    bytes: Vec<u8>,
    /// Of `bytes`: up to where it was returned, and up to where it is filled.
    read: usize,
    filled: usize,
}

/// What reading brought.
#[derive(Debug)]
pub(super) enum Received<M> {
    Message(M),
    /// Nothing whole within the time limit.
    Nothing,
    /// The other end is gone.
    Closed,
}

impl Receiver {
    /// Bounds how long [`receive`](Self::receive) waits.
    pub(super) fn limit(&self, limit: Duration) -> io::Result<()> {
        self.socket.set_read_timeout(Some(limit))
    }

    /// Waits for a message.
    ///
    /// # Errors
    /// `InvalidData` where what comes is no message, else the system's.
    pub(super) fn receive<'a, M: Deserialize<'a>>(&'a mut self) -> io::Result<Received<M>> {
        let invalid = |problem| io::Error::new(ErrorKind::InvalidData, problem);
        loop {
            if let Some(message) = self.whole().map_err(invalid)? {
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

    /// Where the next message is, if all of it is there; it counts as read then.
    fn whole(&mut self) -> Result<Option<Range<usize>>, WireError> {
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
            // After a long message.
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
            let Received::Message(heard) = receiver.receive::<String>().unwrap() else { panic!("closed") };
            assert_eq!(heard, text);
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
        thread::spawn(move || sender.add(&vec![7u8; MOST_GATHERED]).unwrap());
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
        assert!(!back.is_called());
        sender.send(&1u8).unwrap();
        assert!(back.is_called());
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
