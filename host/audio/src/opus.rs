//! Decodes the Opus packets of a file to samples at 48 kHz, by crate `opus-rs`.
//!
//! Invariant: a packet is decoded or refused as a whole.

use opus_rs::multistream::{ChannelMappingTable, MultistreamDecoder};

/// Frames per second of the decoded audio, whatever rate was encoded.
pub(super) const RATE: u32 = 48_000;

/// Frames of the longest packet, 120 ms.
const MAX_FRAMES: usize = 5_760;

/// The mapping of a channel that is always silent.
const SILENT: u8 = 255;

/// Decodes packets of one stream, or of several that are the channels of one recording.
pub(super) struct Opus {
    table: ChannelMappingTable,
    streams: MultistreamDecoder,
    frames: Vec<f32>,
}

impl Opus {
    /// The mapping of one stream with one or two channels, as in RTP and in most files.
    pub(super) fn table(channels: u8) -> ChannelMappingTable {
        let coupled_count = u8::from(channels > 1);
        ChannelMappingTable { channels, stream_count: 1, coupled_count, mapping: (0..channels).collect() }
    }

    /// A decoder; `None` if the table names a channel that no stream has.
    pub(super) fn new(table: ChannelMappingTable) -> Option<Self> {
        let decoded = u16::from(table.stream_count) + u16::from(table.coupled_count);
        let known = |source: &u8| *source == SILENT || u16::from(*source) < decoded;
        if table.channels == 0 || table.stream_count == 0 || !table.mapping.iter().all(known) {
            return None;
        }
        let streams = MultistreamDecoder::new(RATE as i32, table.clone()).ok()?;
        Some(Self { table, streams, frames: Vec::new() })
    }

    /// Decodes a packet to interleaved frames.
    ///
    /// # Errors
    /// The packet is invalid; the decoder's message.
    pub(super) fn frames(&mut self, packet: &[u8]) -> Result<&[f32], &'static str> {
        let channels = usize::from(self.table.channels);
        self.frames.resize(MAX_FRAMES * channels, 0.0);
        let made = self.streams.decode(packet, MAX_FRAMES, &mut self.frames)?;
        Ok(&self.frames[..made * channels])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opus_rs::{Application, OpusEncoder};

    /// Packets of 20 ms of a tone.
    fn packets(count: usize) -> Vec<Vec<u8>> {
        let mut encoder = OpusEncoder::new(48_000, 1, Application::Voip).unwrap();
        encoder.bitrate_bps = 24_000;
        let sample = |n: usize| (n as f32 * 440.0 * std::f32::consts::TAU / 48_000.0).sin() * 0.5;
        let packet = |number: usize| {
            let samples: Vec<f32> = (number * 960..(number + 1) * 960).map(sample).collect();
            let mut packet = vec![0; 1_275];
            let bytes = encoder.encode(&samples, 960, &mut packet).unwrap();
            packet.truncate(bytes);
            packet
        };
        (0..count).map(packet).collect()
    }

    fn power(samples: &[f32]) -> f32 {
        samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32
    }

    #[test]
    fn channels_of_several_streams_are_put_in_their_places() {
        let right = ChannelMappingTable { channels: 3, stream_count: 2, coupled_count: 0, mapping: vec![1, 255, 0] };
        let mut decoder = Opus::new(right.clone()).unwrap();
        // The first of two packets states its length: a code of one frame, and the length.
        let mut samples = Vec::new();
        for packet in packets(10) {
            let both = [&packet[..1], &[(packet.len() - 1) as u8], &packet[1..], &packet].concat();
            samples.extend_from_slice(decoder.frames(&both).unwrap());
        }
        assert_eq!(samples.len(), 10 * 960 * 3);
        assert!(samples.as_chunks().0.iter().all(|[left, silent, right]| left == right && *silent == 0.0));
        assert!(power(&samples) > 0.05);
        for mapping in [vec![0, 1, 2], vec![0, 1]] {
            assert!(Opus::new(ChannelMappingTable { mapping, ..right.clone() }).is_none());
        }
    }
}
