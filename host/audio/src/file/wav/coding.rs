//! The coding of a WAV file's samples.
//!
//! Encodings that a server accepts are copied; 8-bit samples become 16-bit samples, all others floats. A sample fills whole bytes;
//! its value is in their upper bits.

use super::super::{
    error::ReadError,
    layout::{Layout, MAX_CHANNELS},
    unsupported::Unsupported,
};
use auricle_core::Encoding;

/// `WAVE_FORMAT_EXTENSIBLE`: the format tag is in the extension.
const EXTENSIBLE: u16 = 0xfffe;

/// The coding of samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Coding {
    width: Width,
    sample_rate: u32,
    channels: u16,
}

/// The coding of one sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Width {
    /// An encoding that a server accepts.
    Plain(Encoding),
    /// 8 bits, unsigned.
    U8,
    /// 24 bits.
    S24,
    /// 32 bits.
    S32,
    /// A float of 64 bits.
    F64,
}

impl Coding {
    /// Parses a `fmt ` chunk.
    ///
    /// # Errors
    /// The coding is not supported.
    pub(super) fn read(chunk: &[u8]) -> Result<Self, ReadError> {
        let short = |at: usize| chunk.get(at..at + 2).map_or(0, |bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
        let sample_rate = u32::from(short(4)) | u32::from(short(6)) << 16;
        let (channels, block, bits) = (short(2), short(12), short(14));
        if !(1..=MAX_CHANNELS).contains(&channels) {
            return Err(ReadError::Channels(channels));
        }
        let tag = match short(0) {
            EXTENSIBLE => short(24),
            tag => tag,
        };
        // The size of a frame is more reliable than the number of valid bits, if it is possible.
        let least = bits.div_ceil(8);
        let bytes = if block.is_multiple_of(channels) { (block / channels).max(least) } else { least };
        let width = match (tag, bytes) {
            (1, 1) => Width::U8,
            (1, 2) => Width::Plain(Encoding::S16le),
            (1, 3) => Width::S24,
            (1, 4) => Width::S32,
            (3, 4) => Width::Plain(Encoding::F32le),
            (3, 8) => Width::F64,
            (6, 1) => Width::Plain(Encoding::Alaw),
            (7, 1) => Width::Plain(Encoding::Mulaw),
            (1 | 3 | 6 | 7, _) => return Err(ReadError::SampleBits(bytes.saturating_mul(8))),
            (tag, _) => return Err(ReadError::Unsupported(Unsupported::in_wav(tag))),
        };
        Ok(Self { width, sample_rate, channels })
    }

    /// Bytes of one frame in the file.
    pub(super) fn frame_bytes(self) -> usize {
        let sample = match self.width {
            Width::Plain(_) => return self.layout().frame_bytes(),
            Width::U8 => 1,
            Width::S24 => 3,
            Width::S32 => 4,
            Width::F64 => 8,
        };
        sample * usize::from(self.channels)
    }

    /// The layout after [`decode`](Self::decode).
    pub(super) fn layout(self) -> Layout {
        let encoding = match self.width {
            Width::Plain(encoding) => encoding,
            Width::U8 => Encoding::S16le,
            Width::S24 | Width::S32 | Width::F64 => Encoding::F32le,
        };
        Layout { encoding, sample_rate: self.sample_rate, channels: self.channels }
    }

    /// Decodes whole frames and appends them to `out`.
    pub(super) fn decode(self, frames: &[u8], out: &mut Vec<u8>) {
        let float = |bytes: [u8; 4]| i32::from_le_bytes(bytes) as f32 / 2_147_483_648.0;
        match self.width {
            Width::Plain(_) => out.extend_from_slice(frames),
            Width::U8 => out.extend(frames.iter().flat_map(|byte| [0, byte ^ 0x80])),
            Width::S24 => {
                out.extend(frames.as_chunks().0.iter().flat_map(|[a, b, c]| float([0, *a, *b, *c]).to_le_bytes()));
            }
            Width::S32 => out.extend(frames.as_chunks().0.iter().flat_map(|bytes| float(*bytes).to_le_bytes())),
            Width::F64 => {
                let samples = frames.as_chunks().0.iter();
                out.extend(samples.flat_map(|bytes| (f64::from_le_bytes(*bytes) as f32).to_le_bytes()));
            }
        }
    }
}
