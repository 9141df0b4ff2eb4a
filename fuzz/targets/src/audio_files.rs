//! Reads audio files: the containers, and the codecs of crates `symphonia` and `opus-rs`.
//!
//! Checks: a file is refused with a one-line error, or has a format that a server accepts, yields whole frames, and ends. The same
//! holds for one of its channels.

use crate::assert_one_line;
use auricle_audio::{
    AudioFile,
    file::{Options, Step},
};
use std::io::Cursor;

/// Output bytes after which reading stops: a few coded bytes can stand for hours.
const MAX_BYTES: usize = 1 << 20;

/// The target; see the module.
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
    format.check().expect("the format of a file must be one that a server accepts");
    assert!(channel.is_none() || format.channels == 1, "{} channels instead of one", format.channels);
    assert!(file.seconds().is_none_or(|seconds| seconds >= 0.0), "{:?}", file.seconds());
    let mut audio = Vec::new();
    while audio.len() < MAX_BYTES {
        match file.step(&mut audio) {
            Ok(Step::Audio | Step::OppositePhase) => {}
            Ok(Step::Damage(damage)) => assert_one_line(damage),
            Ok(Step::End) => break,
            Err(error) => {
                assert_one_line(error);
                break;
            }
        }
        assert!(audio.len().is_multiple_of(format.frame_bytes()), "{} bytes are not whole frames", audio.len());
    }
}
