//! Reads the first message of a WhisperLive client, and the messages of such a server to the load tool.
//!
//! Checks: options are within their bounds or refused with a one-line error. A server's message can be written and read again,
//! and is unchanged then.

use crate::assert_one_line;
use auricle_dialects::whisper_live::{messages::ServerMessage, options::Hello};

/// The target; see the module.
pub fn whisper_live_messages(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Hello::parse(text) {
        Ok(Hello { options: Ok(options), .. }) => {
            assert!((1..=100).contains(&options.last_segments));
            assert!(options.samples.audio().check().is_ok());
            assert!(options.hotwords.iter().all(|phrase| !phrase.is_empty()));
        }
        Ok(Hello { options: Err(failure), .. }) | Err(failure) => assert_one_line(&failure.message),
    }
    if let Ok(message) = serde_json::from_str::<ServerMessage>(text) {
        let written = message.to_string();
        let again: ServerMessage = serde_json::from_str(&written).expect("what was written can be read");
        assert_eq!(again.to_string(), written);
    }
}
