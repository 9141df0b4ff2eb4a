//! Audio files, and raw samples from a pipe, as frames of one format.
//!
//! Invariant: what comes out is whole frames of [`AudioFile::format`], whatever the file does in its middle, and a part that is
//! not heard is told. The file is read as it is asked for, and only forwards, so it may be a pipe. Reading blocks.

mod codec;
mod container;
mod convert;
mod demux;
mod error;
mod flac;
mod foreign;
mod input;
mod layout;
mod mpeg;
mod ogg;
mod opus_head;
mod raw;
mod sniff;
mod stream_info;
mod tags;
mod wav;

pub use error::{Damage, ReadError, UNDERSTOOD};
pub use foreign::Foreign;
pub use layout::MOST_CHANNELS;

use auricle_core::AudioFormat;
use container::{Container, Got};
use convert::Convert;
use demux::Demux;
use flac::Flac;
use input::Input;
use layout::Layout;
use mpeg::Mpeg;
use ogg::Ogg;
use raw::Raw;
use sniff::Kind;
use std::{collections::VecDeque, io::Read};
use wav::Wav;

/// A file being read.
pub struct AudioFile {
    container: Box<dyn Container>,
    convert: Convert,
    seconds: Option<f64>,
    /// Before they are converted.
    frames: Vec<u8>,
    /// What was told, and the first frames that were decoded, while the file was opened.
    told: VecDeque<Damage>,
    ready: Vec<u8>,
}

/// How to read a file.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Its length in bytes, where it is known; only [`AudioFile::seconds`] depends on it.
    pub length: Option<u64>,
    /// It has no header, and its samples are these.
    pub raw: Option<AudioFormat>,
    /// The only channel to hear, from 0.
    pub channel: Option<u16>,
}

/// What one step brought.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Frames have been appended; none where a packet holds none.
    Audio,
    /// Something is not heard; the next step goes on behind it.
    Damage(Damage),
    /// That was all.
    End,
}

impl AudioFile {
    /// Finds out what the bytes are, and reads up to the first samples.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn open(reader: impl Read + Send + Sync + 'static, options: Options) -> Result<Self, ReadError> {
        let Options { length, raw, channel } = options;
        let mut input = Input::new(reader);
        let mut coded = false;
        let container: Box<dyn Container> = match raw {
            Some(AudioFormat { encoding, sample_rate, channels, .. }) => {
                Box::new(Raw::new(input, Layout { encoding, sample_rate, channels }))
            }
            None => {
                let kind = sniff::kind(&mut input)?;
                coded = kind != Kind::Wav;
                match kind {
                    Kind::Wav => Box::new(Wav::open(input)?),
                    Kind::Flac => Box::new(Flac::open(input)?),
                    Kind::Ogg => Box::new(Ogg::open(input)?),
                    Kind::Mpeg => Box::new(Mpeg::open(input)?),
                    Kind::Webm => Box::new(Demux::webm(input)?),
                    Kind::Mp4 => Box::new(Demux::mp4(input)?),
                }
            }
        };
        let layout = container.layout();
        let convert = Convert::new(layout, channel)?;
        let seconds = container.frames(length).map(|frames| frames as f64 / f64::from(layout.sample_rate));
        let (frames, told, ready) = Default::default();
        let mut file = Self { container, convert, seconds, frames, told, ready };
        if coded {
            file.begin()?;
        }
        Ok(file)
    }

    /// Decodes up to the first frames, so that a file without any is no audio.
    fn begin(&mut self) -> Result<(), ReadError> {
        let (mut told, mut ready) = (VecDeque::new(), Vec::new());
        while ready.is_empty() {
            match self.step(&mut ready)? {
                Step::Audio => {}
                Step::Damage(damage) => told.push_back(damage),
                Step::End if told.is_empty() => return Err(ReadError::Silent),
                Step::End => return Err(ReadError::AllDamaged),
            }
        }
        (self.told, self.ready) = (told, ready);
        Ok(())
    }

    /// What the frames are made of: a format that a server takes, without a choice of channel.
    pub fn format(&self) -> AudioFormat {
        self.convert.format()
    }

    /// How long it is, where that is known beforehand.
    pub fn seconds(&self) -> Option<f64> {
        self.seconds
    }

    /// Appends a little more audio, whole frames, to `out`. After an error, or [`Step::End`], there is no more; what was
    /// appended before an error is good.
    ///
    /// # Errors
    /// The file cannot be read further.
    pub fn step(&mut self, out: &mut Vec<u8>) -> Result<Step, ReadError> {
        if let Some(damage) = self.told.pop_front() {
            return Ok(Step::Damage(damage));
        }
        if !self.ready.is_empty() {
            out.append(&mut self.ready);
            return Ok(Step::Audio);
        }
        self.frames.clear();
        match self.container.step(&mut self.frames) {
            Ok(Got::Audio(layout)) => {
                self.convert.push(layout, &self.frames, out)?;
                Ok(Step::Audio)
            }
            Ok(Got::Damage(damage)) => Ok(Step::Damage(damage)),
            end => {
                self.convert.finish(out);
                end.map(|_| Step::End)
            }
        }
    }
}

#[cfg(test)]
mod tests;
