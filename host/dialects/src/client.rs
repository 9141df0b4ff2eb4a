//! The client's side of a dialect: what to send to a server, and how to read its answers.
//!
//! Invariant: for every protocol the updates of a stream's text have the same form: final text that only grows, and unstable
//! text after it. So delays mean the same for every server.

use tokio_tungstenite::tungstenite::Message;

/// The client's side of one stream.
pub trait ClientSide: Send {
    /// The first message.
    fn hello(&self) -> Option<Message> {
        None
    }

    /// Whether the audio has to wait for [`Update::Ready`].
    fn waits(&self) -> bool {
        false
    }

    /// The message that ends the audio.
    fn end(&self) -> Message;

    /// Whether a server that closes the connection after that has sent everything.
    fn ends_by_closing(&self) -> bool {
        false
    }

    /// Appends the updates in a text message. A text that is no message of the protocol has none.
    fn receive(&mut self, line: &str, updates: &mut Vec<Update>);
}

/// A change that a message brings.
#[derive(Debug, Clone, PartialEq)]
pub enum Update {
    /// The stream is open.
    Ready,
    /// The text after all that is final; replaces the one before.
    Partial(String),
    /// Text that will not change any more, after all that was final before; ends the partial.
    Final(String),
    /// Nothing more will come.
    Done,
    /// The server ended the stream; why.
    Failed(String),
}

/// The updates in several messages.
#[cfg(test)]
pub(crate) fn receive(dialect: &mut dyn ClientSide, lines: &[&str]) -> Vec<Update> {
    let mut updates = Vec::new();
    lines.iter().for_each(|line| dialect.receive(line, &mut updates));
    updates
}
