//! Decodes PCM and G.711 to mono samples. Packets may be cut anywhere: an incomplete frame is kept until the next packet.

use super::{decoder::Decoder, phase::PhaseCheck};
use audio_codec_algorithms::{decode_alaw, decode_ulaw};
use auricle_core::{AudioFormat, Encoding};

/// Decodes frames of one format.
#[derive(Debug)]
pub(super) struct Pcm {
    format: AudioFormat,
    /// The start of an incomplete frame.
    rest: Vec<u8>,
    phase: PhaseCheck,
}

impl Decoder for Pcm {
    fn decode(&mut self, packet: &[u8], out: &mut Vec<f32>) -> u64 {
        let frame = self.format.frame_bytes();
        let mut bytes = packet;
        let mut frames = 0;
        if !self.rest.is_empty() {
            let missing = (frame - self.rest.len()).min(bytes.len());
            self.rest.extend_from_slice(&bytes[..missing]);
            bytes = &bytes[missing..];
            if self.rest.len() < frame {
                return 0;
            }
            let frame = std::mem::take(&mut self.rest);
            self.decode_frames(&frame, out);
            frames = 1;
        }
        let (complete, rest) = bytes.split_at(bytes.len() - bytes.len() % frame);
        self.decode_frames(complete, out);
        self.rest.extend_from_slice(rest);
        frames + (complete.len() / frame) as u64
    }

    fn conceal(&mut self, frames: u64, _: Option<&[u8]>, out: &mut Vec<f32>) {
        self.silence(frames, out);
    }

    fn silence(&mut self, frames: u64, out: &mut Vec<f32>) {
        out.resize(out.len() + frames as usize, 0.0);
    }

    fn opposite_phase(&mut self, ended: bool) -> bool {
        self.phase.opposite(ended)
    }

    fn reset(&mut self) {
        self.rest.clear();
    }
}

impl Pcm {
    pub(super) fn new(format: AudioFormat) -> Self {
        let mixed = format.channels > 1 && format.channel.is_none();
        let phase = if mixed { PhaseCheck::new(format.sample_rate) } else { PhaseCheck::default() };
        Self { format, rest: Vec::new(), phase }
    }

    /// Whether more frames are needed to find out about the phase of the channels.
    pub(super) fn checks_phase(&self) -> bool {
        self.phase.is_open()
    }

    fn decode_frames(&mut self, bytes: &[u8], out: &mut Vec<f32>) {
        match self.format.encoding {
            Encoding::S16le => self.mix::<2>(bytes, out, |bytes| f32::from(i16::from_le_bytes(bytes)) / 32_768.0),
            Encoding::F32le => self.mix::<4>(bytes, out, |bytes| sane(f32::from_le_bytes(bytes))),
            Encoding::Mulaw => self.mix::<1>(bytes, out, |[byte]| f32::from(decode_ulaw(byte)) / 32_768.0),
            Encoding::Alaw => self.mix::<1>(bytes, out, |[byte]| f32::from(decode_alaw(byte)) / 32_768.0),
        }
    }

    fn mix<const N: usize>(&mut self, bytes: &[u8], out: &mut Vec<f32>, sample: impl Fn([u8; N]) -> f32) {
        let (samples, _) = bytes.as_chunks::<N>();
        let channels = usize::from(self.format.channels);
        if channels == 1 {
            out.extend(samples.iter().map(|bytes| sample(*bytes)));
            return;
        }
        let mut frames = samples.chunks_exact(channels);
        match self.format.channel {
            Some(channel) => out.extend(frames.map(|frame| sample(frame[usize::from(channel)]))),
            None => {
                let scale = 1.0 / channels as f32;
                let start = out.len();
                let mixed = frames.clone().map(|frame| frame.iter().map(|bytes| sample(*bytes)).sum::<f32>() * scale);
                out.extend(mixed);
                let mut mixed = out[start..].iter();
                while self.phase.is_open()
                    && let Some((frame, mix)) = frames.next().zip(mixed.next())
                {
                    let square = frame.iter().map(|bytes| sample(*bytes).powi(2)).sum::<f32>() * scale;
                    self.phase.push(*mix, square);
                }
            }
        }
    }
}

/// Replaces NaN by silence, and clips values beyond full scale.
fn sane(sample: f32) -> f32 {
    if sample.is_nan() { 0.0 } else { sample.clamp(-1.0, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(format: AudioFormat, bytes: &[u8]) -> Vec<f32> {
        let mut out = Vec::new();
        Pcm::new(format).decode(bytes, &mut out);
        out
    }

    #[test]
    fn every_encoding_is_scaled_to_one() {
        let with = |encoding| AudioFormat { encoding, ..AudioFormat::default() };
        assert_eq!(decode(with(Encoding::S16le), &[0x00, 0x80, 0xff, 0x7f]), [-1.0, 32_767.0 / 32_768.0]);
        let floats: Vec<u8> =
            [0.5, f32::NAN, 9.0, f32::NEG_INFINITY].iter().flat_map(|x: &f32| x.to_le_bytes()).collect();
        assert_eq!(decode(with(Encoding::F32le), &floats), [0.5, 0.0, 1.0, -1.0]);
        // G.711: 0xff and 0xd5 are the quietest codes, 0x80 and 0xaa the loudest positive ones.
        assert_eq!(decode(with(Encoding::Mulaw), &[0xff, 0x80]), [0.0, 32_124.0 / 32_768.0]);
        assert_eq!(decode(with(Encoding::Alaw), &[0xd5, 0xaa]), [8.0 / 32_768.0, 32_256.0 / 32_768.0]);
    }

    #[test]
    fn channels_are_mixed_or_chosen() {
        let stereo = AudioFormat { channels: 2, ..AudioFormat::default() };
        let bytes: Vec<u8> = [16_384i16, 0, -16_384, 16_384].iter().flat_map(|x| x.to_le_bytes()).collect();
        assert_eq!(decode(stereo, &bytes), [0.25, 0.0]);
        assert_eq!(decode(AudioFormat { channel: Some(1), ..stereo }, &bytes), [0.0, 0.5]);
    }

    proptest! {
        #[test]
        fn cutting_the_bytes_anywhere_changes_nothing(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            cuts in proptest::collection::vec(0usize..9, 0..80),
            float in any::<bool>(),
            channels in 1u16..4,
        ) {
            let encoding = if float { Encoding::F32le } else { Encoding::S16le };
            let format = AudioFormat { encoding, channels, ..AudioFormat::default() };
            let mut decoder = Pcm::new(format);
            let (mut pieces, mut left, mut frames) = (Vec::new(), bytes.as_slice(), 0);
            for cut in cuts {
                let (head, tail) = left.split_at(cut.min(left.len()));
                frames += decoder.decode(head, &mut pieces);
                left = tail;
            }
            frames += decoder.decode(left, &mut pieces);
            prop_assert_eq!(frames, (bytes.len() / format.frame_bytes()) as u64);
            prop_assert_eq!(pieces, decode(format, &bytes));
        }
    }
}
