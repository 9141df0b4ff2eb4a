//! Audio as packets of a real-time codec, which can be late or lost (RTP).
//!
//! [`JitterBuffer`] puts a sender's packets in order and says what is missing; its pieces go to
//! [`Intake::push_piece`](crate::Intake::push_piece).

mod jitter;
pub(super) mod opus;

pub use jitter::JitterBuffer;

use auricle_core::{AudioFormat, Encoding};
use bytes::Bytes;

/// A codec of real-time packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PacketCodec {
    /// Opus (RFC 7587).
    Opus,
    /// G.711 mu-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
}

/// A piece of a packet stream. Pieces are in order of time, without gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// A packet that arrived.
    Packet(Bytes),
    /// Frames that were lost. `next` is the packet after them, in which the codec may have the last of them again.
    Lost {
        /// Their number, at the codec's clock rate.
        frames: u32,
        /// The next packet, which follows as a piece of its own.
        next: Option<Bytes>,
    },
    /// Frames in which the sender was silent and sent nothing.
    Silence {
        /// Their number, at the codec's clock rate.
        frames: u32,
    },
}

impl PacketCodec {
    /// Frames per second of RTP timestamps and of [`Piece`]s.
    pub fn clock_rate(self) -> u32 {
        match self {
            Self::Opus => opus::CLOCK_RATE,
            Self::Pcmu | Self::Pcma => 8_000,
        }
    }

    /// The frames of a packet, at the clock rate. `None` if the packet is invalid.
    pub fn frames(self, packet: &[u8]) -> Option<u32> {
        match self {
            Self::Opus => opus::frames(packet),
            Self::Pcmu | Self::Pcma => u32::try_from(packet.len()).ok().filter(|frames| *frames > 0),
        }
    }

    /// The format of the decoded audio.
    pub fn decoded(self) -> AudioFormat {
        let encoding = match self {
            Self::Opus => Encoding::S16le,
            Self::Pcmu => Encoding::Mulaw,
            Self::Pcma => Encoding::Alaw,
        };
        AudioFormat { encoding, sample_rate: self.clock_rate(), channels: 1, channel: None }
    }
}
