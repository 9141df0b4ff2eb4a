//! The layout of frames.

use auricle_core::{AudioFormat, Encoding};

/// The largest supported number of channels.
pub const MAX_CHANNELS: u16 = 64;

/// The layout of interleaved frames in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    /// The encoding of a sample.
    pub(super) encoding: Encoding,
    /// Frames per second.
    pub(super) sample_rate: u32,
    /// Samples per frame, 1 to [`MAX_CHANNELS`].
    pub(super) channels: u16,
}

impl Layout {
    /// The corresponding format of a server's audio; its values may exceed what a server accepts.
    pub(super) fn format(self, channel: Option<u16>) -> AudioFormat {
        let Self { encoding, sample_rate, channels } = self;
        AudioFormat { encoding, sample_rate, channels, channel }
    }

    /// Bytes of one frame.
    pub(super) fn frame_bytes(self) -> usize {
        self.format(None).frame_bytes()
    }
}
