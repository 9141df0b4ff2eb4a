//! Reads the messages between the host and a worker, in both directions.
//!
//! Checks: bytes are refused with a one-line error, or are a message that is unchanged after it was written and read again. A text
//! that passes through a worker is the text that the engine reported, including its JSON.

use crate::assert_one_line;
use auricle_engines::worker::wire::{self, Answer, EngineEvent, Notice, Request, Setup, Text};
use auricle_plugin_api::Segment;
use serde::Serialize;

/// Reads a message, writes it, and reads it again. It compares the written bytes: NaN is not equal to itself, and the input may have
/// written a number in another way.
macro_rules! read {
    ($message:ty, $bytes:expr) => {
        match wire::decode::<$message>($bytes) {
            Ok(message) => {
                let bytes = written(&message);
                assert_eq!(wire::length(&bytes), Ok(Some(bytes.len() - 4)));
                let again = wire::decode::<$message>(&bytes[4..]).expect("what was written can be read");
                assert_eq!(written(&again), bytes);
                Some(message)
            }
            Err(problem) => {
                assert_one_line(&problem);
                None
            }
        }
    };
}

/// The target; see the module.
pub fn worker_messages(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    match kind % 5 {
        0 => drop(read!(Request<'_>, bytes)),
        1 => drop(read!(Notice, bytes)),
        2 => drop(read!(Setup, bytes)),
        3 => {
            let answer = read!(Answer<'_>, bytes);
            if let Some(Answer::Event { event: EngineEvent::Partial(text) | EngineEvent::Segment(text), .. }) = answer {
                told(text);
            }
        }
        _ => {
            let samples = wire::to_samples(bytes);
            assert_eq!(wire::to_bytes(&samples), &bytes[..bytes.len() - bytes.len() % 4], "audio comes to the bit");
        }
    }
    match wire::length(bytes) {
        Ok(length) => assert!(length.is_none_or(|length| length <= wire::MOST_BYTES)),
        Err(problem) => assert_one_line(&problem),
    }
}

/// Passes a text through a worker.
fn told(text: Text) {
    let segment = Segment::from(text);
    let text = Text::from(segment.clone());
    let again = Segment::from(text.clone());
    assert_eq!(written(&Text::from(again.clone())), written(&text));
    assert_eq!(again.extra, segment.extra);
    assert!(again.words.iter().map(|word| &word.extra).eq(segment.words.iter().map(|word| &word.extra)));
}

fn written(message: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    wire::encode(message, &mut bytes).expect("what was read is short enough to be written");
    bytes
}
