//! Reads the query and the text messages of a client of Deepgram Flux, and messages of such a server.
//!
//! Checks: a query has an audio format within its bounds, or is refused with a one-line error. A message can be written and read
//! again, and is unchanged then.

use crate::assert_one_line;
use auricle_dialects::deepgram::flux::{
    messages::{ClientMessage, Numbered},
    options::Options,
};

/// The target; see the module.
pub fn flux_messages(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Options::parse(text) {
        Ok(options) => {
            assert!(options.audio.is_none_or(|audio| audio.check().is_ok()));
            assert!(options.phrases.iter().all(|phrase| !phrase.trim().is_empty()));
            assert!((500..=10_000).contains(&options.thresholds.silence().as_millis()));
            assert!(options.ignored.is_sorted());
        }
        Err(failure) => assert_one_line(&failure.message),
    }
    match ClientMessage::parse(text) {
        Ok(message) => {
            let written = serde_json::to_string(&message).expect("a message can be written");
            assert_eq!(ClientMessage::parse(&written), Ok(message), "written as {written}");
        }
        Err(failure) => assert_one_line(&failure.message),
    }
    if let Ok(message) = serde_json::from_str::<Numbered>(text) {
        let written = message.to_string();
        let again: Numbered = serde_json::from_str(&written).expect("what was written can be read");
        assert_eq!(again.to_string(), written);
    }
}
