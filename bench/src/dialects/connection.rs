//! A connection that sends prepared bytes. A thread of its own reads the answers and drops them.

use super::protocols::{Protocol, websocket_frame};
use crate::Done;
use auricle_plugin_test::server::Process;
use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    thread::{self, JoinHandle},
    time::Duration,
};
use tokio_tungstenite::tungstenite::client::client;

/// Time limit for an answer and for the end.
const LIMIT: Duration = Duration::from_secs(30);
/// Answers are read in pieces of at most this size.
const PIECE: usize = 1 << 12;

pub(super) struct Connection {
    stream: TcpStream,
    reader: JoinHandle<Done>,
}

impl Connection {
    /// Connects and sends the messages that precede the audio.
    pub(super) fn open(host: &Process, protocol: &Protocol) -> Done<Self> {
        let address = host.listener(if protocol.path.is_some() { 0 } else { 1 });
        let mut stream = TcpStream::connect(&address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        if let Some(path) = protocol.path {
            client(format!("ws://{address}{path}"), stream.try_clone()?).map_err(|error| error.to_string())?;
        }
        stream.write_all(&protocol.opening)?;
        let (answers, last) = (stream.try_clone()?, protocol.last);
        Ok(Self { stream, reader: thread::spawn(move || drain(answers, last)) })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Done {
        Ok(self.stream.write_all(bytes)?)
    }

    /// Waits until the server has sent its last answer, and disconnects.
    pub(super) fn wait(self) -> Done {
        self.reader.join().map_err(|_| "a reader panicked")?
    }
}

/// Reads up to the answer that contains `last`.
fn drain(mut stream: TcpStream, last: &[u8]) -> Done {
    let (mut buffer, mut seen) = ([0; PIECE], Vec::new());
    loop {
        let read = match stream.read(&mut buffer) {
            Ok(0) => {
                return Err(format!(
                    "the server disconnected before `{}`: {}",
                    last.escape_ascii(),
                    seen.escape_ascii()
                )
                .into());
            }
            Ok(read) => read,
            Err(problem) if problem.kind() == ErrorKind::Interrupted => continue,
            Err(problem) => {
                return Err(format!("no `{}`: {problem}; received {}", last.escape_ascii(), seen.escape_ascii()).into());
            }
        };
        seen.extend_from_slice(&buffer[..read]);
        if seen.windows(last.len()).any(|part| part == last) {
            // The server waits for the answer to its close frame.
            stream.write_all(&websocket_frame(0x88, &[])?)?;
            return Ok(());
        }
        // The answer may be cut in two.
        seen.drain(..seen.len().saturating_sub(PIECE));
    }
}
