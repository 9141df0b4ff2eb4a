//! Reads the messages of a client of OpenAI's protocol for live audio.
//!
//! Checks: a session that is accepted has an audio format within its bounds, is unchanged by the same message again, and can be read
//! as it is told; what is refused has a one-line error.

use crate::assert_one_line;
use auricle_dialects::realtime::{
    config::Config,
    messages::{ClientEvent, ClientMessage, Shape},
};

/// The target; see the module.
pub fn realtime_messages(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match ClientMessage::parse(text).event {
        Ok(ClientEvent::Update(_, session)) => {
            let mut config = Config::default();
            if let Err(problem) = config.apply(&session) {
                return assert_one_line(&problem.failure.message);
            }
            assert!(config.audio.check().is_ok());
            let mut again = config.clone();
            again.apply(&session).expect("it was accepted");
            assert_eq!(again, config);
            let told = config.session("sess_1", Shape::Current);
            let mut read = Config::default();
            read.apply(told.as_object().expect("a session")).expect("what is told can be read");
            assert_eq!(read.session("sess_1", Shape::Current), told);
        }
        Ok(ClientEvent::Append(audio)) => assert!(audio.len() < text.len()),
        Ok(ClientEvent::Commit | ClientEvent::Clear) => {}
        Err(problem) => assert_one_line(&problem.failure.message),
    }
}
