//! Reads the text messages of a client of vosk-server, and those of such a server to the load tool.
//!
//! Checks: a client's message is refused with a one-line error, or is unchanged after it was written and read again. A server's
//! message can be written and read again, and is then of the same kind.

use crate::assert_one_line;
use auricle_dialects::vosk::{
    config::Options,
    messages::{ClientMessage, ServerMessage},
};
use std::mem::discriminant;

/// The target; see the module.
pub fn vosk_messages(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match ClientMessage::parse(text) {
        Ok(message) => {
            let written = message.to_string();
            assert_eq!(ClientMessage::parse(&written).as_ref(), Ok(&message), "written as {written}");
            if let ClientMessage::Config(config) = message {
                let mut options = Options::default();
                options.apply(config.clone(), false).expect("before audio anything may change");
                options.apply(config, true).expect("what is said again changes nothing");
            }
        }
        Err(failure) => assert_one_line(&failure.message),
    }
    if let Ok(message) = serde_json::from_str::<ServerMessage>(text) {
        let again: ServerMessage = serde_json::from_str(&message.to_string()).expect("what was written can be read");
        assert_eq!(discriminant(&again), discriminant(&message), "{text} became {again:?}");
    }
}
