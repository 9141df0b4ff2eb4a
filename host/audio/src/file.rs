//! Audio files, and raw samples from a pipe, as frames of one format.
//!
//! Invariant: what comes out is whole frames of [`AudioFile::format`], whatever the file does in its middle. The file is
//! read as it is asked for, and only forwards, so it may be a pipe. Reading blocks.

mod decode;
mod error;
mod wav;

pub use error::{Damage, ReadError, UNDERSTOOD};

use auricle_core::AudioFormat;
use decode::Decoding;
use std::io::{self, Cursor, Read};

/// Where bytes come from.
type Reader = Box<dyn Read + Send + Sync>;

/// A file being read.
pub struct AudioFile {
    opened: Opened,
    audio: Audio,
}

/// What one step brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Frames have been appended; none where a packet holds none.
    Audio,
    /// Something could not be heard; the next step goes on behind it.
    Damage(Damage),
    /// That was all.
    End,
}

#[derive(Debug, Clone, Copy)]
struct Opened {
    format: AudioFormat,
    seconds: Option<f64>,
}

/// An opened input.
enum Audio {
    Plain(Plain),
    Decoding(Box<Decoding>),
}

/// Samples that are handed on as they are.
struct Plain {
    reader: io::Take<Reader>,
    /// Bytes of a frame.
    frame: usize,
    /// How much is read at a time.
    block: u64,
}

impl AudioFile {
    /// Finds out what the bytes are, and reads up to the first samples. `length` is that of the file in bytes, where it is
    /// known; only [`seconds`](Self::seconds) depends on it. With `raw` the file has no header.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn open(
        reader: impl Read + Send + Sync + 'static,
        length: Option<u64>,
        raw: Option<AudioFormat>,
    ) -> Result<Self, ReadError> {
        let mut reader: Reader = Box::new(reader);
        if let Some(format) = raw {
            return Self::plain(reader, format, length, None);
        }
        match wav::read_header(&mut reader)? {
            wav::Header::Plain { format, bytes } => Self::plain(reader, format, length, bytes),
            wav::Header::Other { seen, wav } => {
                let reader = Box::new(Cursor::new(seen).chain(reader));
                let (opened, decoding) = Decoding::open(reader, wav)?;
                check(opened.format)?;
                Ok(Self { opened, audio: Audio::Decoding(Box::new(decoding)) })
            }
        }
    }

    /// `bytes` of samples, or all there are.
    fn plain(reader: Reader, format: AudioFormat, length: Option<u64>, bytes: Option<u64>) -> Result<Self, ReadError> {
        check(format)?;
        let frame = format.frame_bytes();
        let known = match (bytes, length) {
            (Some(bytes), Some(length)) => Some(bytes.min(length)),
            (bytes, length) => bytes.or(length),
        };
        let seconds = known.map(|bytes| bytes as f64 / (frame as f64 * f64::from(format.sample_rate)));
        let block = frame as u64 * u64::from(format.sample_rate / 10);
        let audio = Audio::Plain(Plain { reader: reader.take(bytes.unwrap_or(u64::MAX)), frame, block });
        Ok(Self { opened: Opened { format, seconds }, audio })
    }

    /// What the frames are made of.
    pub fn format(&self) -> AudioFormat {
        self.opened.format
    }

    /// How long it is, where that is known beforehand.
    pub fn seconds(&self) -> Option<f64> {
        self.opened.seconds
    }

    /// Appends a little more audio, whole frames, to `out`. After an error, or [`Step::End`], there is no more; what was
    /// appended before an error is good.
    ///
    /// # Errors
    /// The file cannot be read further.
    pub fn step(&mut self, out: &mut Vec<u8>) -> Result<Step, ReadError> {
        match &mut self.audio {
            Audio::Plain(plain) => plain.step(out),
            Audio::Decoding(decoding) => decoding.step(out),
        }
    }
}

impl Plain {
    fn step(&mut self, out: &mut Vec<u8>) -> Result<Step, ReadError> {
        let before = out.len();
        let result = self.reader.by_ref().take(self.block).read_to_end(out);
        let read = out.len() - before;
        out.truncate(out.len() - read % self.frame);
        if result? == 0 { Ok(Step::End) } else { Ok(Step::Audio) }
    }
}

fn check(format: AudioFormat) -> Result<(), ReadError> {
    format.check().map_err(|problem| ReadError::Format(problem.to_string()))
}

#[cfg(test)]
mod tests;
