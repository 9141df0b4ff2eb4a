//! The description of a FLAC stream.

use super::layout::Layout;
use auricle_core::Encoding;

/// Bytes of it.
pub(super) const STREAM_INFO: usize = 34;

/// What a FLAC stream says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StreamInfo {
    pub(super) layout: Layout,
    /// Of samples; 0 where it was not known.
    pub(super) frames: u64,
}

impl StreamInfo {
    pub(super) fn read(block: &[u8]) -> Option<Self> {
        let facts = u64::from_be_bytes(block.get(..STREAM_INFO)?[10..18].try_into().ok()?);
        // What has more than 16 bits is handed on as floats: nothing is lost.
        let encoding = if (facts >> 36 & 31) < 16 { Encoding::S16le } else { Encoding::F32le };
        let layout = Layout { encoding, sample_rate: (facts >> 44) as u32, channels: (facts >> 41 & 7) as u16 + 1 };
        Some(Self { layout, frames: facts & 0xf_ffff_ffff })
    }
}
