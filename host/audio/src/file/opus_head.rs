//! The description of an Opus stream (RFC 7845), the same in every container.

use super::layout::Layout;
use crate::opus::{Opus, RATE};
use auricle_core::Encoding;
use opus_rs::multistream::ChannelMappingTable;

/// The header of an Opus stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OpusHead {
    /// Which coded stream holds which channel.
    pub(super) table: ChannelMappingTable,
    /// Frames to skip at the start.
    pub(super) skip: u16,
    /// The output gain, in decibels times 256.
    gain: i16,
}

impl OpusHead {
    /// Parses the header; `None` if it is damaged, or of an unsupported version or mapping (such as Ambisonics).
    pub(super) fn read(packet: &[u8]) -> Option<Self> {
        let [b'O', b'p', b'u', b's', b'H', b'e', b'a', b'd', version, channels, fields @ ..] = packet else {
            return None;
        };
        let [skip_low, skip_high, _, _, _, _, gain_low, gain_high, family, tail @ ..] = fields else { return None };
        let table = match (family, channels) {
            _ if version >> 4 != 0 => return None,
            (0, 1 | 2) => Opus::table(*channels),
            (1 | 255, 1..) => ChannelMappingTable::parse(*family, *channels, tail)?,
            _ => return None,
        };
        let skip = u16::from_le_bytes([*skip_low, *skip_high]);
        Some(Self { table, skip, gain: i16::from_le_bytes([*gain_low, *gain_high]) })
    }

    /// The layout of the decoded frames.
    pub(super) fn layout(&self) -> Layout {
        Layout { encoding: Encoding::F32le, sample_rate: RATE, channels: self.table.channels.into() }
    }

    /// The factor for each sample.
    pub(super) fn gain(&self) -> f32 {
        10_f32.powf(f32::from(self.gain) / (20.0 * 256.0))
    }
}
