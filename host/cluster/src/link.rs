//! A front's connection to an engine host, with blocking reads and writes.
//!
//! Invariant: after an error nothing more is read or written; the connection is of no use. Threads: one at a time.

use super::{
    FrontSettings,
    handshake::{self, FrontHandshake, HandshakeError},
    messages::{self, MOST_BYTES},
};
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    io::{self, ErrorKind, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    ops::Range,
    time::{Duration, Instant},
};

/// How often a read that waits looks around.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The smallest number of bytes requested per read.
const READ_BYTES: usize = 8 << 10;

trait Wire: Read + Write + Send {}

impl<T: Read + Write + Send> Wire for T {}

/// A connection to an engine host, after the handshake.
pub(crate) struct Link {
    wire: Box<dyn Wire>,
    out: Vec<u8>,
    bytes: Vec<u8>,
    /// The positions in `bytes` up to which messages were returned, and up to which it is filled.
    read: usize,
    filled: usize,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

/// The result of [`Link::receive`].
#[derive(Debug)]
pub(crate) enum Received<M> {
    Message(M),
    /// No complete message has come for a while.
    Nothing,
}

impl Link {
    /// Connects to an engine host. Takes [`FrontSettings::silence`] at most for each of its steps.
    ///
    /// # Errors
    /// It cannot be reached, or one side does not accept the other.
    pub(crate) fn connect(address: &str, settings: &FrontSettings) -> Result<Self, HandshakeError> {
        let socket = dial(address, settings.silence)?;
        socket.set_nodelay(true)?;
        // Until the handshakes are over, a read that waits is no reason to look around: TLS would take it for an error.
        socket.set_read_timeout(Some(settings.silence))?;
        socket.set_write_timeout(Some(settings.silence))?;
        let timer = socket.try_clone()?;
        let wire: Box<dyn Wire> = match &settings.authority {
            Some(authority) => Box::new(authority.connect(host_of(address), socket)?),
            None => Box::new(socket),
        };
        let mut link = Self { wire, out: Vec::new(), bytes: Vec::new(), read: 0, filled: 0 };
        let begun = FrontHandshake::begin()?;
        link.write(&handshake::encode(begun.hello()))?;
        let answer = link.message(handshake::MOST_BYTES, settings.silence).map_err(|error| match error.kind() {
            ErrorKind::InvalidData => HandshakeError::Stranger,
            _ => error.into(),
        });
        let welcome = handshake::decode(answer?)?;
        let (proof, _) = begun.prove(&settings.key, welcome)?;
        link.write(&handshake::encode(&proof))?;
        timer.set_read_timeout(Some(LOOK_EVERY))?;
        Ok(link)
    }

    /// Sends a message.
    ///
    /// # Errors
    /// `InvalidInput` if the message is too long. Otherwise the connection is broken.
    pub(crate) fn send(&mut self, message: &impl Serialize) -> io::Result<()> {
        let mut out = std::mem::take(&mut self.out);
        out.clear();
        let encoded = messages::encode(message, &mut out);
        let sent = encoded.map_err(|problem| io::Error::new(ErrorKind::InvalidInput, problem));
        let sent = sent.and_then(|()| self.write(&out));
        self.out = out;
        sent
    }

    /// Waits a moment for the next message.
    ///
    /// # Errors
    /// The connection is broken or was closed, or what came is not such a message.
    pub(crate) fn receive<'a, M: Deserialize<'a>>(&'a mut self) -> io::Result<Received<M>> {
        let invalid = |problem| io::Error::new(ErrorKind::InvalidData, problem);
        Ok(match self.next(MOST_BYTES)? {
            Some(range) => Received::Message(messages::decode(&self.bytes[range]).map_err(invalid)?),
            None => Received::Nothing,
        })
    }

    /// Waits for the next message, given without its length.
    fn message(&mut self, most: usize, limit: Duration) -> io::Result<&[u8]> {
        let begun = Instant::now();
        loop {
            if let Some(range) = self.next(most)? {
                return Ok(&self.bytes[range]);
            }
            if begun.elapsed() > limit {
                return Err(io::Error::new(ErrorKind::TimedOut, format!("no answer within {} s", limit.as_secs_f64())));
            }
        }
    }

    /// The place of the next message in `bytes`; `None` if it is not complete after one read.
    fn next(&mut self, most: usize) -> io::Result<Option<Range<usize>>> {
        loop {
            let unread = &self.bytes[self.read..self.filled];
            let mut wanted = 4;
            if let Some(head) = unread.first_chunk() {
                let length = u32::from_le_bytes(*head) as usize;
                if length > most {
                    let problem = format!("a message of {length} bytes is announced; the limit is {most}");
                    return Err(io::Error::new(ErrorKind::InvalidData, problem));
                }
                wanted = 4 + length;
            }
            if unread.len() >= wanted && wanted > 4 {
                let begin = self.read + 4;
                self.read += wanted;
                return Ok(Some(begin..self.read));
            }
            if !self.fill(wanted)? {
                return Ok(None);
            }
        }
    }

    /// Reads once; false if nothing came. `wanted` bytes will have room.
    fn fill(&mut self, wanted: usize) -> io::Result<bool> {
        self.bytes.copy_within(self.read..self.filled, 0);
        (self.read, self.filled) = (0, self.filled - self.read);
        let room = wanted.max(READ_BYTES);
        // After a large message the memory is given back.
        if self.bytes.len() < room || (self.bytes.len() > 8 * READ_BYTES && room == READ_BYTES) {
            self.bytes.resize(room.max(self.filled), 0);
            self.bytes.shrink_to_fit();
        }
        match self.wire.read(&mut self.bytes[self.filled..]) {
            Ok(0) => Err(io::Error::new(ErrorKind::UnexpectedEof, "it has closed the connection")),
            Ok(count) => {
                self.filled += count;
                Ok(true)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(false),
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.wire.write_all(bytes)?;
        self.wire.flush()
    }
}

/// The host in `HOST:PORT`, without the brackets of an IPv6 address.
fn host_of(address: &str) -> &str {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// Connects to the first of the addresses of a name that answers.
fn dial(address: &str, limit: Duration) -> io::Result<TcpStream> {
    let mut problem = io::Error::new(ErrorKind::NotFound, "the name has no address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, limit) {
            Ok(socket) => return Ok(socket),
            Err(error) => problem = error,
        }
    }
    Err(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_an_address_has_no_port_and_no_brackets() {
        for (address, host) in [("10.0.0.2:7000", "10.0.0.2"), ("[::1]:7000", "::1"), ("e1.lan:7000", "e1.lan")] {
            assert_eq!(host_of(address), host);
        }
    }
}
