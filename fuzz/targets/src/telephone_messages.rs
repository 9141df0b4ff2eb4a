//! Reads the messages of a telephone service.
//!
//! Checks: a message is read or refused with a one-line error. A call has an audio format within its bounds, or is refused with a
//! one-line error; so is its audio.

use crate::assert_one_line;
use auricle_dialects::telephone::messages::ClientMessage;

/// The target; see the module.
pub fn telephone_messages(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let refused = match ClientMessage::parse(text) {
        Ok(ClientMessage::Start(start)) => match start.audio() {
            Ok(audio) => {
                assert!(audio.check().is_ok());
                None
            }
            Err(failure) => Some(failure),
        },
        Ok(ClientMessage::Media { media }) => media.audio().err(),
        Ok(_) => None,
        Err(failure) => Some(failure),
    };
    if let Some(failure) = refused {
        assert_one_line(&failure.message);
    }
}
