//! What frames are made of.

use auricle_core::{AudioFormat, Encoding};

/// Most channels of a frame that are read.
pub const MOST_CHANNELS: u16 = 64;

/// What interleaved frames are made of, as the file has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    /// How a sample is written.
    pub(super) encoding: Encoding,
    /// Frames per second.
    pub(super) sample_rate: u32,
    /// Samples per frame, 1 to [`MOST_CHANNELS`].
    pub(super) channels: u16,
}

impl Layout {
    /// The same in the host's terms, though perhaps beyond what a server takes.
    pub(super) fn format(self, channel: Option<u16>) -> AudioFormat {
        let Self { encoding, sample_rate, channels } = self;
        AudioFormat { encoding, sample_rate, channels, channel }
    }

    /// Bytes of one frame.
    pub(super) fn frame_bytes(self) -> usize {
        self.format(None).frame_bytes()
    }
}
