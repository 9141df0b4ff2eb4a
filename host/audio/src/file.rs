//! Reads audio files, and raw samples from a pipe, as frames of one format.
//!
//! Invariant: the output consists of whole frames of [`AudioFile::format`], even if the file changes its format in the middle,
//! and every part that is skipped is reported. The file is read on demand and only forwards, so it may be a pipe. Reading
//! blocks.

mod codec;
mod container;
mod convert;
mod demux;
mod error;
mod flac;
mod input;
mod layout;
mod mpeg;
mod ogg;
mod opus_head;
mod raw;
mod sniff;
mod stream_info;
mod tags;
mod unsupported;
mod wav;

pub use error::{Damage, READABLE, ReadError};
pub use layout::MAX_CHANNELS;
pub use unsupported::Unsupported;

use crate::{decoder::Decoder, pcm::Pcm};
use auricle_core::AudioFormat;
use container::{Container, Progress};
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

/// An open audio file.
pub struct AudioFile {
    container: Box<dyn Container>,
    convert: Convert,
    channels: u16,
    seconds: Option<f64>,
    /// Frames of the last step, before conversion.
    frames: Vec<u8>,
    /// The damage and the first frames from opening the file, not returned yet.
    damages: VecDeque<Damage>,
    ready: Vec<u8>,
    /// `None` if a channel is selected, or the phase of the channels is known.
    mix: Option<Mix>,
    /// The channels are in opposite phase, which was not reported yet.
    opposite_phase: bool,
    /// The container is at its end.
    ended: bool,
}

/// The mix of the channels as a server makes it, to find channels in opposite phase.
struct Mix {
    layout: Layout,
    pcm: Pcm,
    samples: Vec<f32>,
}

/// How to read a file.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// The file's size in bytes, if known. Only [`AudioFile::seconds`] depends on it.
    pub length: Option<u64>,
    /// The format of the samples, for a file without a header.
    pub raw: Option<AudioFormat>,
    /// The only channel to return, from 0.
    pub channel: Option<u16>,
}

/// The result of one step.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Frames were appended, possibly none.
    Audio,
    /// A part was skipped; the next step continues after it.
    Damage(Damage),
    /// The channels are in opposite phase, so that their mix is nearly silent. Reported at most once, and only if no channel is
    /// selected. The next step continues.
    OppositePhase,
    /// The end of the audio.
    End,
}

impl AudioFile {
    /// Recognizes the file's kind, and reads up to the first samples.
    ///
    /// # Errors
    /// The file cannot be read, is of an unsupported kind, or contains no audio.
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
        let (frames, damages, ready) = Default::default();
        let mix = Mix { layout, pcm: Pcm::new(layout.format(None)), samples: Vec::new() };
        let mix = channel.is_none().then_some(mix);
        let (channels, opposite_phase, ended) = (layout.channels, false, false);
        let mut file =
            Self { container, convert, channels, seconds, frames, damages, ready, mix, opposite_phase, ended };
        if coded {
            file.begin()?;
        }
        Ok(file)
    }

    /// Decodes up to the first frames.
    ///
    /// # Errors
    /// There are none, or reading failed.
    fn begin(&mut self) -> Result<(), ReadError> {
        let (mut damages, mut ready, mut opposite_phase) = (VecDeque::new(), Vec::new(), false);
        while ready.is_empty() {
            match self.step(&mut ready)? {
                Step::Audio => {}
                Step::Damage(damage) => damages.push_back(damage),
                Step::OppositePhase => opposite_phase = true,
                Step::End if damages.is_empty() => return Err(ReadError::NoAudio),
                Step::End => return Err(ReadError::AllDamaged),
            }
        }
        (self.damages, self.ready) = (damages, ready);
        self.opposite_phase |= opposite_phase;
        Ok(())
    }

    /// The format of the frames. A server accepts it; it selects no channel.
    pub fn format(&self) -> AudioFormat {
        self.convert.format()
    }

    /// The number of channels of the file. More than those of [`format`](Self::format) if they are mixed, because a server does not
    /// accept so many.
    pub fn channels(&self) -> u16 {
        self.channels
    }

    /// The length in seconds, if it is known before the file is read.
    pub fn seconds(&self) -> Option<f64> {
        self.seconds
    }

    /// Appends the next whole frames to `out`. After an error or [`Step::End`] there are no more; frames from before an error are
    /// valid.
    ///
    /// # Errors
    /// The file cannot be read further.
    pub fn step(&mut self, out: &mut Vec<u8>) -> Result<Step, ReadError> {
        if let Some(damage) = self.damages.pop_front() {
            return Ok(Step::Damage(damage));
        }
        if !self.ready.is_empty() {
            out.append(&mut self.ready);
            return Ok(Step::Audio);
        }
        if std::mem::take(&mut self.opposite_phase) {
            return Ok(Step::OppositePhase);
        }
        if self.ended {
            return Ok(Step::End);
        }
        self.frames.clear();
        match self.container.step(&mut self.frames) {
            Ok(Progress::Audio(layout)) => {
                self.convert.push(layout, &self.frames, out)?;
                self.check_phase(Some(layout));
                Ok(Step::Audio)
            }
            Ok(Progress::Damage(damage)) => Ok(Step::Damage(damage)),
            end => {
                self.convert.finish(out);
                end?;
                self.ended = true;
                self.check_phase(None);
                self.step(out)
            }
        }
    }

    /// Compares the mix of the last frames with their channels; without a layout the file has ended. A file that changes its layout
    /// is not checked further.
    fn check_phase(&mut self, layout: Option<Layout>) {
        self.mix = self.mix.take().filter(|mix| layout.is_none_or(|layout| layout == mix.layout));
        if let Some(Mix { pcm, samples, .. }) = &mut self.mix {
            samples.clear();
            if layout.is_some() {
                pcm.decode(&self.frames, samples);
            }
            self.opposite_phase |= pcm.opposite_phase(layout.is_none());
            if !pcm.checks_phase() {
                self.mix = None;
            }
        }
    }
}

#[cfg(test)]
mod tests;
