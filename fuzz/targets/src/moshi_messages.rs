//! Reads the messages of a moshi client, and those of such a server.
//!
//! Checks: a message is read or refused with a one-line error. A server's message can be written and read again, and is unchanged then.

use crate::assert_one_line;
use auricle_dialects::moshi::messages::{ClientMessage, ServerMessage};

/// The target; see the module.
pub fn moshi_messages(bytes: &[u8]) {
    if let Err(failure) = ClientMessage::parse(bytes) {
        assert_one_line(&failure.message);
    }
    if let Ok(message) = rmp_serde::from_slice::<ServerMessage>(bytes) {
        let written = message.encode();
        let again: ServerMessage = rmp_serde::from_slice(&written).expect("what was written can be read");
        assert_eq!(again.encode(), written);
    }
}
