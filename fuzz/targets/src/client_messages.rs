//! Reads the text messages of a client, and those of a server to the client.
//!
//! Checks: a client's message is refused with a one-line error, or is unchanged after it was written and read again. A server's
//! message can be written and read again.

use crate::assert_one_line;
use auricle_dialects::native::messages::{ClientMessage, ServerMessage};

/// The target; see the module.
pub fn client_messages(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match ClientMessage::parse(text) {
        Ok(message) => {
            let written = serde_json::to_string(&message).expect("what was read can be written");
            assert_eq!(ClientMessage::parse(&written).as_ref(), Ok(&message), "written as {written}");
            if let ClientMessage::Start(start) = message
                && let Err(problem) = start.audio().check()
            {
                assert_one_line(problem);
            }
        }
        Err(failure) => assert_one_line(&failure.message),
    }
    if let Ok(message) = serde_json::from_str::<ServerMessage>(text) {
        let written = serde_json::to_string(&message).expect("what was read can be written");
        serde_json::from_str::<ServerMessage>(&written).expect("what was written can be read");
    }
}
