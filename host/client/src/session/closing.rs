//! Collects what the server sends about the end of a session.

use super::end::End;
use auricle_dialects::native::messages::{ServerEvent, ServerMessage};
use serde::Deserialize;
use std::time::Duration;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::{Error as WsError, error::ProtocolError, protocol::CloseFrame};

/// Time limit for the server to close the connection after its last message.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// The reasons for the end; the first one counts.
#[derive(Debug, Default)]
pub(super) struct Closing {
    done: bool,
    error: Option<ErrorEvent>,
    broken: Option<String>,
    /// Set once nothing more is expected: the time until which to wait for the connection to close.
    pub(super) deadline: Option<Instant>,
}

/// An `error` event, including those with a code that this client does not know.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename = "error")]
struct ErrorEvent {
    code: String,
    message: String,
}

impl Closing {
    /// Whether the server has sent its last message.
    pub(super) fn has_ended(&self) -> bool {
        self.deadline.is_some()
    }

    /// Processes a text frame; returns `None` if this client does not know the message.
    pub(super) fn line(&mut self, line: &str) -> Option<ServerMessage> {
        let message = serde_json::from_str::<ServerMessage>(line).ok();
        match message.as_ref().map(|message| &message.event) {
            Some(ServerEvent::Done { .. }) => self.done = true,
            Some(ServerEvent::Error { .. }) | None => self.error = serde_json::from_str(line).ok(),
            Some(_) => {}
        }
        if self.done || self.error.is_some() {
            self.end_soon();
        }
        message
    }

    /// Processes the close frame.
    pub(super) fn close(&mut self, frame: Option<&CloseFrame>) {
        self.broken.get_or_insert_with(|| close_reason(frame));
        self.end_soon();
    }

    /// Notes that the connection failed.
    pub(super) fn failed(&mut self, error: &WsError) {
        self.broken.get_or_insert_with(|| failure(error));
    }

    /// The result of the session.
    pub(super) fn result(self) -> Result<(), End> {
        match self.error {
            Some(ErrorEvent { code, message }) => Err(End::Server { code, message }),
            None if self.done => Ok(()),
            None => Err(End::Lost(self.broken.unwrap_or_else(|| "closed before the end".to_owned()))),
        }
    }

    fn end_soon(&mut self) {
        self.deadline.get_or_insert_with(|| Instant::now() + CLOSE_TIMEOUT);
    }
}

/// Describes a close frame.
pub fn close_reason(frame: Option<&CloseFrame>) -> String {
    match frame {
        None => "closed by the server without a reason".to_owned(),
        Some(CloseFrame { code, reason }) if reason.is_empty() => format!("closed by the server with code {code}"),
        Some(CloseFrame { code, reason }) => format!("closed by the server with code {code}: {reason}"),
    }
}

/// Describes the failure of a connection.
pub fn failure(error: &WsError) -> String {
    match error {
        WsError::Io(error) => error.to_string(),
        WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            "the server disconnected without a close frame".to_owned()
        }
        error => error.to_string(),
    }
}
