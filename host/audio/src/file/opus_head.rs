//! The description of an Opus stream (RFC 7845), the same in every container.

use super::layout::Layout;
use crate::opus::{Opus, RATE};
use auricle_core::Encoding;
use opus_rs::multistream::ChannelMappingTable;

/// What an Opus stream says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OpusHead {
    /// Which channel is in which of the streams in a packet.
    pub(super) table: ChannelMappingTable,
    /// Frames to leave out at the start.
    pub(super) skip: u16,
    /// To be applied, in decibels times 256.
    gain: i16,
}

impl OpusHead {
    /// `None` where it is damaged, or of a version or kind that is not known: Ambisonics is not.
    pub(super) fn read(packet: &[u8]) -> Option<Self> {
        let [b'O', b'p', b'u', b's', b'H', b'e', b'a', b'd', version, channels, facts @ ..] = packet else {
            return None;
        };
        let [skip_low, skip_high, _, _, _, _, gain_low, gain_high, family, tail @ ..] = facts else { return None };
        let table = match (family, channels) {
            _ if version >> 4 != 0 => return None,
            (0, 1 | 2) => Opus::table(*channels),
            (1 | 255, 1..) => ChannelMappingTable::parse(*family, *channels, tail)?,
            _ => return None,
        };
        let skip = u16::from_le_bytes([*skip_low, *skip_high]);
        Some(Self { table, skip, gain: i16::from_le_bytes([*gain_low, *gain_high]) })
    }

    pub(super) fn layout(&self) -> Layout {
        Layout { encoding: Encoding::F32le, sample_rate: RATE, channels: self.table.channels.into() }
    }

    /// What each sample is to be multiplied by.
    pub(super) fn gain(&self) -> f32 {
        10_f32.powf(f32::from(self.gain) / (20.0 * 256.0))
    }
}
