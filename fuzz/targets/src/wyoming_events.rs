//! Reads what a Wyoming client sends, however its bytes are cut.
//!
//! Checks: the events do not depend on the cuts; a frame can be written and read again, and is unchanged; no more than the
//! largest frame is accepted; audio is whole frames; what is refused has a one-line error.

use crate::assert_one_line;
use auricle_dialects::wyoming::{
    events::ClientEvent,
    frame::{Decoder, Frame},
};

/// Data and payload of an event.
const MOST: usize = 1 << 16;

/// The target; see the module.
pub fn wyoming_events(bytes: &[u8]) {
    let Some((size, bytes)) = bytes.split_first() else { return };
    let (frames, problem) = read(bytes, bytes.len().max(1));
    assert_eq!(read(bytes, usize::from(*size).max(1)), (frames.clone(), problem.clone()));
    problem.into_iter().for_each(assert_one_line);
    for frame in frames {
        assert!(frame.payload.len() <= MOST);
        assert_eq!(read(&frame.encode(), 7), (vec![frame.clone()], None));
        match ClientEvent::parse(frame) {
            Ok(ClientEvent::AudioChunk(chunk)) => {
                assert!(chunk.audio.check().is_ok() && chunk.bytes.len() % chunk.audio.frame_bytes() == 0);
            }
            Ok(_) => {}
            Err(failure) => assert_one_line(&failure.message),
        }
    }
}

/// The frames in pieces of `size` bytes, and the problem that ended them.
fn read(bytes: &[u8], size: usize) -> (Vec<Frame>, Option<String>) {
    let (mut decoder, mut frames) = (Decoder::new(MOST), Vec::new());
    for piece in bytes.chunks(size) {
        decoder.buffer().extend_from_slice(piece);
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(failure) => return (frames, Some(failure.message)),
            }
        }
    }
    (frames, None)
}
