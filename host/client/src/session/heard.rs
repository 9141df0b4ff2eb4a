//! What the server said about the end of a session.

use super::end::End;
use auricle_dialects::native::messages::{ServerEvent, ServerMessage};
use serde::Deserialize;
use std::time::Duration;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::{Error as WsError, error::ProtocolError, protocol::CloseFrame};

/// For the server to close the connection, once it has said its last.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Collects the reasons; the first said counts.
#[derive(Debug, Default)]
pub(super) struct Heard {
    done: bool,
    error: Option<Failed>,
    broken: Option<String>,
    /// Once there is nothing more to hear: until when to wait for the connection to be closed.
    pub(super) deadline: Option<Instant>,
}

/// An `error` event, also one with a code that this client does not know.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename = "error")]
struct Failed {
    code: String,
    message: String,
}

impl Heard {
    /// Everything has been said.
    pub(super) fn all(&self) -> bool {
        self.deadline.is_some()
    }

    /// A text frame; `None` where it is not a message that this client knows.
    pub(super) fn line(&mut self, line: &str) -> Option<ServerMessage> {
        let message = serde_json::from_str::<ServerMessage>(line).ok();
        match message.as_ref().map(|message| &message.event) {
            Some(ServerEvent::Done { .. }) => self.done = true,
            Some(ServerEvent::Error { .. }) | None => self.error = serde_json::from_str(line).ok(),
            Some(_) => {}
        }
        if self.done || self.error.is_some() {
            self.last();
        }
        message
    }

    /// The close frame.
    pub(super) fn close(&mut self, frame: Option<&CloseFrame>) {
        self.broken.get_or_insert_with(|| closed(frame));
        self.last();
    }

    /// The connection failed.
    pub(super) fn broke(&mut self, error: &WsError) {
        self.broken.get_or_insert_with(|| broke(error));
    }

    /// How it ended.
    pub(super) fn end(self) -> Result<(), End> {
        match self.error {
            Some(Failed { code, message }) => Err(End::Server { code, message }),
            None if self.done => Ok(()),
            None => Err(End::Lost(self.broken.unwrap_or_else(|| "closed before the end".to_owned()))),
        }
    }

    fn last(&mut self) {
        self.deadline.get_or_insert_with(|| Instant::now() + CLOSE_TIMEOUT);
    }
}

/// What a close frame says.
pub fn closed(frame: Option<&CloseFrame>) -> String {
    match frame {
        None => "closed by the server without a reason".to_owned(),
        Some(CloseFrame { code, reason }) if reason.is_empty() => format!("closed by the server with code {code}"),
        Some(CloseFrame { code, reason }) => format!("closed by the server with code {code}: {reason}"),
    }
}

/// How a connection failed.
pub fn broke(error: &WsError) -> String {
    match error {
        WsError::Io(error) => error.to_string(),
        WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            "the server vanished without closing it".to_owned()
        }
        error => error.to_string(),
    }
}
