//! The client's side of a dialect: the messages to send, and how to read the server's.
//!
//! Invariant: for every protocol the updates of a stream's text have the same form: final text that only grows,
//! followed by unstable text. So delays are comparable between servers.

use tokio_tungstenite::tungstenite::Message;

/// The client's side of one stream.
pub trait ClientSide: Send {
    /// The first message.
    fn hello(&self) -> Option<Message> {
        None
    }

    /// Whether the client must wait for [`Update::Ready`] before it sends audio.
    fn waits(&self) -> bool {
        false
    }

    /// The message that ends the audio.
    fn end(&self) -> Message;

    /// Whether the server closes the connection once it has sent everything.
    fn ends_by_closing(&self) -> bool {
        false
    }

    /// Appends the updates in a text message; none if it is not a message of the protocol.
    fn receive(&mut self, line: &str, updates: &mut Vec<Update>);
}

/// An update from the server.
#[derive(Debug, Clone, PartialEq)]
pub enum Update {
    /// The stream is open.
    Ready,
    /// Unstable text after the final text; replaces the previous one.
    Partial(String),
    /// Final text after the previous final text; clears the partial.
    Final(String),
    /// The stream is complete.
    Done,
    /// The server ended the stream, with this reason.
    Failed(String),
}

/// Collects the updates in several messages.
#[cfg(test)]
pub(crate) fn receive(dialect: &mut dyn ClientSide, lines: &[&str]) -> Vec<Update> {
    let mut updates = Vec::new();
    lines.iter().for_each(|line| dialect.receive(line, &mut updates));
    updates
}
