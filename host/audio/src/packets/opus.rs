//! Decodes one sender's Opus packets to mono samples, by crate `opus-rs`.
//!
//! Invariants: invalid packets are concealed and keep their length, so that times stay correct. A lost packet is rebuilt from the
//! redundancy in the packet after it if the sender adds any (in-band FEC), and else concealed; a long loss becomes silence.

use crate::decoder::Decoder;
use opus_rs::OpusDecoder;

/// Frames per second of RTP timestamps, whatever rate was encoded.
pub(super) const CLOCK_RATE: u32 = 48_000;
/// Frames of the longest packet, 120 ms.
const MAX_FRAMES: u32 = CLOCK_RATE / 1_000 * 120;
/// Concealed frames of one loss, 100 ms. What is made up after that is noise, which could be taken for speech.
const MAX_CONCEALED: u32 = CLOCK_RATE / 10;
/// Lengths are multiples of 2.5 ms.
const UNIT: u32 = CLOCK_RATE / 400;
/// The rates to which a decoder can decode.
const RATES: [u32; 5] = [8_000, 12_000, 16_000, 24_000, 48_000];

/// The frames of a packet (RFC 6716, section 3.1), at the clock rate. `None` if it is empty or too long.
pub(super) fn frames(packet: &[u8]) -> Option<u32> {
    let toc = *packet.first()?;
    let config = toc >> 3;
    // In units of 2.5 ms.
    let units = match config {
        0..12 => [4, 8, 16, 24][usize::from(config & 3)],
        12..16 => [4, 8][usize::from(config & 1)],
        _ => [1, 2, 4, 8][usize::from(config & 3)],
    };
    let count = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(*packet.get(1)? & 63),
    };
    let frames = units * count * UNIT;
    (1..=MAX_FRAMES).contains(&frames).then_some(frames)
}

/// Decodes packets of one stream.
pub(crate) struct OpusPackets {
    /// `None` if the library refuses the rate; then all is silence.
    decoder: Option<Box<OpusDecoder>>,
    /// Samples per second of what is decoded.
    rate: u32,
    samples: Vec<f32>,
    /// Frames of the last good packet; a bad one is assumed to be as long.
    last: u32,
}

impl OpusPackets {
    /// A decoder for a model of this rate.
    pub(crate) fn new(model_rate: u32) -> Self {
        let rate = if RATES.contains(&model_rate) { model_rate } else { CLOCK_RATE };
        let decoder = OpusDecoder::new(rate as i32, 1).ok().map(Box::new);
        Self { decoder, rate, samples: Vec::new(), last: CLOCK_RATE / 50 }
    }

    /// Samples per second of what is decoded.
    pub(crate) fn rate(&self) -> u32 {
        self.rate
    }

    /// The samples of so many frames.
    fn samples(&self, frames: u32) -> usize {
        (u64::from(frames) * u64::from(self.rate) / u64::from(CLOCK_RATE)) as usize
    }

    /// Appends samples that the decoder makes for `frames`; silence if it cannot.
    fn make(
        &mut self,
        frames: u32,
        out: &mut Vec<f32>,
        make: impl Fn(&mut OpusDecoder, usize, &mut [f32]) -> Result<usize, &'static str>,
    ) {
        let (start, length) = (out.len(), self.samples(frames));
        self.samples.clear();
        self.samples.resize(length, 0.0);
        if let Some(decoder) = &mut self.decoder
            && make(decoder, length, &mut self.samples).is_ok()
        {
            out.extend_from_slice(&self.samples);
        }
        out.resize(start + length, 0.0);
    }
}

impl Decoder for OpusPackets {
    fn decode(&mut self, packet: &[u8], out: &mut Vec<f32>) -> u64 {
        let Some(frames) = frames(packet) else {
            self.conceal(u64::from(self.last), None, out);
            return self.last.into();
        };
        self.samples.clear();
        self.samples.resize(self.samples(frames), 0.0);
        let length = self.samples.len();
        match self.decoder.as_mut().map(|decoder| decoder.decode(packet, length, &mut self.samples)) {
            Some(Ok(made)) if made == length => {
                self.last = frames;
                out.extend_from_slice(&self.samples);
            }
            _ => self.conceal(frames.into(), None, out),
        }
        frames.into()
    }

    fn conceal(&mut self, frames: u64, next: Option<&[u8]>, out: &mut Vec<f32>) {
        // A loss is never that long: the jitter buffer bounds it.
        let frames = u32::try_from(frames).unwrap_or(u32::MAX);
        let end = out.len() + self.samples(frames);
        let rebuilt = next.and_then(|next| Some((next, frame(next)?))).filter(|(_, length)| *length <= frames);
        let before = frames - rebuilt.map_or(0, |(_, length)| length);
        let concealed = before.min(MAX_CONCEALED) / UNIT * UNIT;
        if concealed > 0 {
            self.make(concealed, out, |decoder, length, samples| decoder.decode(&[], length, samples));
        }
        let silence = self.samples(before - concealed);
        out.resize(out.len() + silence, 0.0);
        if let Some((next, length)) = rebuilt {
            self.make(length, out, |decoder, length, samples| decoder.decode_fec(next, length, samples));
        }
        // Rounded parts can differ from the rounded whole.
        out.resize(end, 0.0);
    }

    fn silence(&mut self, frames: u64, out: &mut Vec<f32>) {
        let samples = self.samples(u32::try_from(frames).unwrap_or(u32::MAX));
        out.resize(out.len() + samples, 0.0);
    }

    fn opposite_phase(&mut self, _: bool) -> bool {
        // The sender's encoder has mixed the channels, or the decoder does.
        false
    }

    fn reset(&mut self) {
        *self = Self::new(self.rate);
    }
}

/// The length of a packet's first coded frame, which is as much as its redundancy covers.
fn frame(packet: &[u8]) -> Option<u32> {
    let one = [packet.first()? & !3];
    frames(&one)
}

#[cfg(test)]
mod tests {
    use super::*;
    use opus_rs::{Application, OpusEncoder};
    use proptest::prelude::*;

    /// Packets of 20 ms: silence, and from packet `onset` on a sound with harmonics. With redundancy.
    fn packets(count: usize, onset: usize) -> Vec<Vec<u8>> {
        let mut encoder = OpusEncoder::new(16_000, 1, Application::Voip).unwrap();
        encoder.bitrate_bps = 24_000;
        encoder.use_inband_fec = true;
        encoder.packet_loss_perc = 20;
        let sample = |n: usize| match n / 320 < onset {
            true => 0.0,
            false => (1..8)
                .map(|k| (n as f32 * 150.0 * k as f32 * std::f32::consts::TAU / 16_000.0).sin() * 0.2 / k as f32)
                .sum(),
        };
        let packet = |number: usize| {
            let samples: Vec<f32> = (number * 320..(number + 1) * 320).map(sample).collect();
            let mut packet = vec![0; 1_275];
            let bytes = encoder.encode(&samples, 320, &mut packet).unwrap();
            packet.truncate(bytes);
            packet
        };
        (0..count).map(packet).collect()
    }

    fn power(samples: &[f32]) -> f32 {
        samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32
    }

    #[test]
    fn packets_become_samples_at_the_models_rate() {
        for (model, rate) in [(16_000, 16_000), (8_000, 8_000), (48_000, 48_000), (22_050, 48_000)] {
            let (mut decoder, mut samples) = (OpusPackets::new(model), Vec::new());
            for packet in packets(20, 0) {
                assert_eq!((frames(&packet), decoder.decode(&packet, &mut samples)), (Some(960), 960));
            }
            assert_eq!((decoder.rate(), samples.len()), (rate, rate as usize * 20 / 50));
            assert!((power(&samples[samples.len() / 2..]) - 0.03).abs() < 0.01, "{}", power(&samples));
        }
    }

    #[test]
    fn a_lost_packet_is_rebuilt_from_the_next_one() {
        // The sound begins in the packets that are lost, so that what came before cannot tell.
        let packets = packets(30, 20);
        let heard = |next: Option<&[u8]>| {
            let (mut decoder, mut out) = (OpusPackets::new(16_000), Vec::new());
            for packet in &packets[..20] {
                decoder.decode(packet, &mut out);
            }
            decoder.conceal(3 * 960, next, &mut out);
            assert_eq!(out.len(), 23 * 320);
            power(&out[22 * 320..])
        };
        let (rebuilt, concealed) = (heard(Some(&packets[23])), heard(None));
        assert!(rebuilt > 0.0005 && concealed < 0.000_001, "rebuilt {rebuilt}, concealed {concealed}");
    }

    #[test]
    fn invalid_packets_keep_their_length_and_a_long_loss_is_silence() {
        let (mut decoder, mut samples) = (OpusPackets::new(16_000), Vec::new());
        for packet in packets(20, 0) {
            decoder.decode(&packet, &mut samples);
        }
        for bad in [&b"\x0f\0"[..], &[0xff], &[]] {
            let start = samples.len();
            assert_eq!(decoder.decode(bad, &mut samples), 960);
            assert_eq!(samples.len() - start, 320);
        }
        let start = samples.len();
        decoder.conceal(48_000, None, &mut samples);
        assert_eq!(samples.len() - start, 16_000);
        assert!(samples[start + 1_600..].iter().all(|sample| *sample == 0.0));
    }

    proptest! {
        #[test]
        fn any_bytes_and_losses_have_their_length(
            packets in proptest::collection::vec(
                (proptest::collection::vec(any::<u8>(), 0..60), proptest::option::of(0u32..20_000)), 1..12),
        ) {
            let (mut decoder, mut out, mut expected) = (OpusPackets::new(16_000), Vec::new(), 0);
            for (packet, lost) in &packets {
                if let Some(lost) = lost {
                    decoder.conceal(u64::from(*lost), Some(packet), &mut out);
                    expected += lost / 3;
                }
                expected += decoder.decode(packet, &mut out) as u32 / 3;
                prop_assert_eq!(out.len(), expected as usize);
            }
        }
    }
}
