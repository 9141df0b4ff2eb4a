//! The client's side of a dialect: what is said to a server and how its answers are taken.
//!
//! Invariant: whatever the protocol, a stream's text is told the same way: final text that is added to, and unstable text
//! after it. So delays mean the same for every server.

use tokio_tungstenite::tungstenite::Message;

/// One stream's side of a conversation.
pub trait ClientSide: Send {
    /// What is said first.
    fn hello(&self) -> Option<Message> {
        None
    }

    /// Whether the audio has to wait for [`Told::Ready`].
    fn waits(&self) -> bool {
        false
    }

    /// What ends the audio.
    fn end(&self) -> Message;

    /// Whether a server that closes the connection after that has told everything.
    fn ends_by_closing(&self) -> bool {
        false
    }

    /// Appends what a text message tells. What is no message of the protocol tells nothing.
    fn hear(&mut self, line: &str, told: &mut Vec<Told>);
}

/// What a message tells.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// The stream is open.
    Ready,
    /// The text after all that is final; replaces the one before.
    Partial(String),
    /// Text that will not change any more, after all that was final before; ends the partial.
    Final(String),
    /// There is nothing more to tell.
    Done,
    /// The server gives the stream up; why.
    Failed(String),
}

/// Several answers, all of them taken by one dialect.
#[cfg(test)]
pub(crate) fn hear(dialect: &mut dyn ClientSide, lines: &[&str]) -> Vec<Told> {
    let mut told = Vec::new();
    lines.iter().for_each(|line| dialect.hear(line, &mut told));
    told
}
