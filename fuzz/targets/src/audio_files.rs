//! Meets audio files: the containers, and the codecs of crates `symphonia` and `opus-rs`.
//!
//! Holds: a file is refused in one line, or has a format that a server takes and gives whole frames; it ends. So it is with one
//! of its channels.

use crate::assert_one_line;
use auricle_audio::{
    AudioFile,
    file::{Options, Step},
};
use std::io::Cursor;

/// A few bytes of code can stand for hours: what comes after so much is not listened to.
const MOST_BYTES: usize = 1 << 20;

/// See the module.
pub fn audio_files(bytes: &[u8]) {
    for channel in [None, Some(1)] {
        read(bytes, channel);
    }
}

fn read(bytes: &[u8], channel: Option<u16>) {
    let options = Options { length: Some(bytes.len() as u64), channel, ..Options::default() };
    let mut file = match AudioFile::open(Cursor::new(bytes.to_vec()), options) {
        Ok(file) => file,
        Err(error) => return assert_one_line(error),
    };
    let format = file.format();
    format.check().expect("a format that was told is one that a server takes");
    assert!(channel.is_none() || format.channels == 1, "{} channels instead of one", format.channels);
    assert!(file.seconds().is_none_or(|seconds| seconds >= 0.0), "{:?}", file.seconds());
    let mut heard = Vec::new();
    while heard.len() < MOST_BYTES {
        match file.step(&mut heard) {
            Ok(Step::Audio) => {}
            Ok(Step::Damage(damage)) => assert_one_line(damage),
            Ok(Step::End) => break,
            Err(error) => {
                assert_one_line(error);
                break;
            }
        }
        assert!(heard.len().is_multiple_of(format.frame_bytes()), "{} bytes are no whole frames", heard.len());
    }
}
