//! Meets audio files at the client: its WAV header, and the containers and codecs of crate `symphonia`.
//!
//! Holds: a file is refused in one line, or has a format that a server takes and pieces of whole frames, all of 100 ms but
//! the last; it ends.

use crate::assert_one_line;
use auricle_client::source::{Piece, Source};
use auricle_core::AudioFormat;

/// A few bytes of code can stand for hours: what comes after so much is not listened to.
const MOST_BYTES: usize = 1 << 20;

/// See the module.
pub fn audio_files(bytes: &[u8]) {
    let (mut sizes, mut total) = (Vec::new(), 0);
    let mut heard: Option<AudioFormat> = None;
    let end = Source::read_here("x", bytes.to_vec(), |format, piece| {
        heard = Some(format);
        match piece {
            Piece::Audio(audio) => {
                total += audio.len();
                sizes.push(audio.len());
            }
            Piece::Damage(what) => assert_one_line(&what),
        }
        total < MOST_BYTES
    });
    if let Err(error) = end {
        assert_one_line(&error.to_string());
    }
    let Some(format) = heard else { return };
    format.check().expect("a format that was told is one that a server takes");
    let tenth = (format.sample_rate / 10).max(1) as usize * format.frame_bytes();
    let Some((last, others)) = sizes.split_last() else { return };
    assert!(others.iter().all(|size| *size == tenth), "{sizes:?}, not all of {tenth}");
    assert!((1..=tenth).contains(last) && last.is_multiple_of(format.frame_bytes()), "{last} bytes are the last piece");
}
