//! Formats of raw audio from clients.

use crate::wording::count;
use serde::{Deserialize, Serialize};

/// A format of raw audio. Channels are interleaved: a frame holds one sample of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioFormat {
    /// The encoding of a sample.
    #[serde(rename = "format")]
    pub encoding: Encoding,
    /// Frames per second, 8,000 to 192,000.
    pub sample_rate: u32,
    /// Samples per frame, 1 to 8.
    pub channels: u16,
    /// The channel to recognize, from 0. If absent, all channels are mixed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<u16>,
}

/// The encoding of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// 16-bit signed integers, little-endian.
    #[default]
    S16le,
    /// 32-bit floats in [-1, 1], little-endian.
    F32le,
    /// G.711 mu-law, one byte per sample.
    Mulaw,
    /// G.711 A-law, one byte per sample.
    Alaw,
}

impl Encoding {
    /// The byte that silence consists of.
    pub fn silent_byte(self) -> u8 {
        match self {
            Self::S16le | Self::F32le => 0,
            Self::Mulaw => 0xff,
            Self::Alaw => 0xd5,
        }
    }
}

/// Why a format is not accepted. Each message names the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// The sample rate is out of range.
    #[error("`sample_rate` is {0}: it must be from 8000 to 192000")]
    SampleRate(u32),
    /// The number of channels is out of range.
    #[error("`channels` is {0}: it must be from 1 to 8")]
    Channels(u16),
    /// The selected channel does not exist.
    #[error("`channel` is {channel}: with {} the last one is {}", count(*.channels, "channel"), .channels - 1)]
    Channel {
        /// The selected channel, from 0.
        channel: u16,
        /// The number of channels, at least 1.
        channels: u16,
    },
}

impl Default for AudioFormat {
    /// 16 kHz mono `s16le`.
    fn default() -> Self {
        Self { encoding: Encoding::default(), sample_rate: 16_000, channels: 1, channel: None }
    }
}

impl AudioFormat {
    /// Checks the ranges.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn check(&self) -> Result<(), FormatError> {
        if !(8_000..=192_000).contains(&self.sample_rate) {
            return Err(FormatError::SampleRate(self.sample_rate));
        }
        if !(1..=8).contains(&self.channels) {
            return Err(FormatError::Channels(self.channels));
        }
        match self.channel {
            Some(channel) if channel >= self.channels => Err(FormatError::Channel { channel, channels: self.channels }),
            _ => Ok(()),
        }
    }

    /// Bytes of one sample of one channel.
    pub fn sample_bytes(&self) -> usize {
        match self.encoding {
            Encoding::S16le => 2,
            Encoding::F32le => 4,
            Encoding::Mulaw | Encoding::Alaw => 1,
        }
    }

    /// Bytes of one frame.
    pub fn frame_bytes(&self) -> usize {
        self.sample_bytes() * usize::from(self.channels)
    }
}
