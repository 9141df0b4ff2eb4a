//! The frames of the offline protocol: recordings one after another, each with a header of eight bytes in its first
//! frame: the sample rate, and the number of bytes that follow, both as 32-bit integers, little-endian.
//!
//! Invariant: no more bytes are accepted for a recording than its header announced. No I/O.

use auricle_core::{AudioFormat, Encoding, Failure, FailureCode, FormatError};

const HEADER_BYTES: usize = 8;

/// A frame is not part of a recording.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
enum UploadError {
    #[error("the first frame of a recording has {0} bytes: it must begin with the sample rate and the number of bytes")]
    Short(usize),
    #[error("the header announces {0} bytes")]
    Negative(i32),
    #[error("the header is not valid: {0}")]
    Format(FormatError),
    #[error("a recording has {0} bytes more than its header announced")]
    TooMany(u64),
}

/// A connection's recordings.
#[derive(Debug, Default)]
pub struct Upload {
    /// What is still to come of a recording that has begun.
    missing: Option<u64>,
    audio: AudioFormat,
}

/// The place of a frame in its recording.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// The bytes of the header before the audio.
    pub header: usize,
    /// Whether the recording is complete.
    pub is_last: bool,
}

impl Upload {
    /// The format of the current recording.
    pub fn audio(&self) -> AudioFormat {
        self.audio
    }

    /// Reads a frame.
    ///
    /// # Errors
    /// `bad_message`: the header is invalid, or there is more than it announced.
    pub fn frame(&mut self, frame: &[u8]) -> Result<Part, Failure> {
        self.read(frame).map_err(|problem| Failure::new(FailureCode::BadMessage, problem))
    }

    fn read(&mut self, frame: &[u8]) -> Result<Part, UploadError> {
        let (missing, header) = match self.missing {
            Some(missing) => (missing, 0),
            None => (self.header(frame)?, HEADER_BYTES),
        };
        let audio = (frame.len() - header) as u64;
        let left = missing.checked_sub(audio).ok_or(UploadError::TooMany(audio.saturating_sub(missing)))?;
        let is_last = left == 0;
        self.missing = (!is_last).then_some(left);
        Ok(Part { header, is_last })
    }

    fn header(&mut self, frame: &[u8]) -> Result<u64, UploadError> {
        let [rate, bytes] = match frame.first_chunk::<HEADER_BYTES>() {
            Some(&[a, b, c, d, e, f, g, h]) => [[a, b, c, d], [e, f, g, h]].map(i32::from_le_bytes),
            None => return Err(UploadError::Short(frame.len())),
        };
        // A negative rate is out of range, too.
        let sample_rate = u32::try_from(rate).unwrap_or_default();
        let audio = AudioFormat { encoding: Encoding::F32le, sample_rate, channels: 1, channel: None };
        audio.check().map_err(UploadError::Format)?;
        self.audio = audio;
        u64::try_from(bytes).map_err(|_| UploadError::Negative(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(rate: i32, bytes: i32) -> Vec<u8> {
        [rate.to_le_bytes(), bytes.to_le_bytes()].concat()
    }

    #[test]
    fn a_recording_comes_in_any_frames() {
        let mut upload = Upload::default();
        let part = |header, is_last| Ok(Part { header, is_last });
        assert_eq!(upload.frame(&[&header(8_000, 12)[..], &[0; 4]].concat()), part(8, false));
        assert_eq!(upload.audio().sample_rate, 8_000);
        assert_eq!(upload.frame(&[]), part(0, false));
        assert_eq!(upload.frame(&[0; 8]), part(0, true));
        assert_eq!(upload.frame(&header(44_100, 0)), part(8, true), "an empty recording");
        assert_eq!(upload.audio().sample_rate, 44_100);
    }

    #[test]
    fn what_is_no_recording_is_refused() {
        for (frame, problem) in [
            (vec![0; 7], "has 7 bytes"),
            (header(-1, 4), "`sample_rate` is 0"),
            (header(16_000, -4), "announces -4 bytes"),
            ([header(16_000, 4), vec![0; 6]].concat(), "2 bytes more"),
        ] {
            let failure = Upload::default().frame(&frame).unwrap_err();
            assert!(failure.code == FailureCode::BadMessage && failure.message.contains(problem), "{failure}");
        }
    }

    proptest! {
        #[test]
        fn frames_are_accepted_until_all_has_come(bytes in 0..200_usize, sizes in prop::collection::vec(1..50_usize, 1..80)) {
            let mut upload = Upload::default();
            let all = [header(16_000, bytes as i32), vec![0; bytes]].concat();
            let (mut at, mut complete) = (0, false);
            // A client sends the header in one piece.
            for size in std::iter::once(HEADER_BYTES).chain(sizes) {
                if complete {
                    break;
                }
                let end = (at + size).min(all.len());
                let part = upload.frame(&all[at..end]).unwrap();
                at = end;
                complete = part.is_last;
                prop_assert_eq!(complete, at == all.len());
            }
        }
    }
}
