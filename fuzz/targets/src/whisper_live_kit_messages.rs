//! Reads the query of a WhisperLiveKit client, and the messages of such a server to the load tool.
//!
//! Checks: a query is read or refused with a one-line error. A server's message can be written and read again, and is
//! unchanged then; the client side reads any message.

use crate::assert_one_line;
use auricle_dialects::{
    client::ClientSide,
    whisper_live_kit::{client::WhisperLiveKit, messages::ServerMessage, options::Options},
};

/// The target; see the module.
pub fn whisper_live_kit_messages(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Err(failure) = Options::parse(text) {
        assert_one_line(&failure.message);
    }
    WhisperLiveKit::default().receive(text, &mut Vec::new());
    if let Ok(message) = serde_json::from_str::<ServerMessage>(text) {
        let written = message.to_string();
        let again: ServerMessage = serde_json::from_str(&written).expect("what was written can be read");
        assert_eq!(again.to_string(), written);
    }
}
