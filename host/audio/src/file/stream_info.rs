//! The description of a FLAC stream.

use super::layout::Layout;
use auricle_core::Encoding;

/// Its size in bytes.
pub(super) const STREAM_INFO: usize = 34;

/// The properties of a FLAC stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StreamInfo {
    pub(super) layout: Layout,
    /// Sample frames; 0 if the encoder did not know the number.
    pub(super) frames: u64,
}

impl StreamInfo {
    /// Parses the block; `None` if it is too short.
    pub(super) fn read(block: &[u8]) -> Option<Self> {
        let facts = u64::from_be_bytes(block.get(..STREAM_INFO)?[10..18].try_into().ok()?);
        // Samples of more than 16 bits become floats, which loses nothing.
        let encoding = if (facts >> 36 & 31) < 16 { Encoding::S16le } else { Encoding::F32le };
        let layout = Layout { encoding, sample_rate: (facts >> 44) as u32, channels: (facts >> 41 & 7) as u16 + 1 };
        Some(Self { layout, frames: facts & 0xf_ffff_ffff })
    }
}
