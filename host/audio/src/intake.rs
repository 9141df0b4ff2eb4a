//! Converts one client's audio to a model's samples.

use super::{
    decoder::Decoder,
    packets::{PacketCodec, Piece, opus::OpusPackets},
    pcm::Pcm,
    resample::{ResampleError, Resampler},
};
use auricle_core::{AudioFormat, FormatError};

/// Why audio cannot be converted for a model.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// The format is out of range.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// Its rate cannot be converted to the model's.
    #[error(transparent)]
    Resample(#[from] ResampleError),
}

/// Converts a client's packets to the model's samples.
pub struct Intake {
    decoder: Box<dyn Decoder>,
    frames: u64,
    resampler: Option<Resampler>,
    /// Samples between the decoder and the resampler. Kept to reuse its memory.
    decoded: Vec<f32>,
}

impl Intake {
    /// An intake for audio of `format` and a model that processes `model_rate` samples per second.
    ///
    /// # Errors
    /// The format or the pair of rates is out of range.
    pub fn new(format: AudioFormat, model_rate: u32) -> Result<Self, IntakeError> {
        format.check()?;
        let resampler = Resampler::new(format.sample_rate, model_rate)?;
        Ok(Self { decoder: Box::new(Pcm::new(format)), frames: 0, resampler, decoded: Vec::new() })
    }

    /// An intake for pieces of a packet stream.
    ///
    /// # Errors
    /// The codec's rate cannot be converted to the model's.
    pub fn of_packets(codec: PacketCodec, model_rate: u32) -> Result<Self, IntakeError> {
        let (decoder, rate): (Box<dyn Decoder>, _) = match codec {
            PacketCodec::Opus => {
                let opus = OpusPackets::new(model_rate);
                let rate = opus.rate();
                (Box::new(opus), rate)
            }
            PacketCodec::Pcmu | PacketCodec::Pcma => (Box::new(Pcm::new(codec.decoded())), codec.clock_rate()),
        };
        let resampler = Resampler::new(rate, model_rate)?;
        Ok(Self { decoder, frames: 0, resampler, decoded: Vec::new() })
    }

    /// Frames received since the start or the last reset.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Appends to `out` the samples that are complete with this packet. Packets of PCM and G.711 may be cut anywhere.
    pub fn push(&mut self, packet: &[u8], out: &mut Vec<f32>) {
        self.convert(out, |decoder, out| decoder.decode(packet, out));
    }

    /// Appends to `out` the samples that are complete with this piece of a packet stream.
    pub fn push_piece(&mut self, piece: &Piece, out: &mut Vec<f32>) {
        self.convert(out, |decoder, out| match piece {
            Piece::Packet(packet) => decoder.decode(packet, out),
            Piece::Lost { frames, next } => {
                decoder.conceal((*frames).into(), next.as_deref(), out);
                (*frames).into()
            }
            Piece::Silence { frames } => {
                decoder.silence((*frames).into(), out);
                (*frames).into()
            }
        });
    }

    /// Has the decoder append samples, and resamples them. `decode` returns the number of frames.
    fn convert(&mut self, out: &mut Vec<f32>, decode: impl FnOnce(&mut dyn Decoder, &mut Vec<f32>) -> u64) {
        self.frames += match &mut self.resampler {
            None => decode(&mut *self.decoder, out),
            Some(resampler) => {
                self.decoded.clear();
                let frames = decode(&mut *self.decoder, &mut self.decoded);
                resampler.push(&self.decoded, out);
                frames
            }
        };
    }

    /// Appends to `out` the samples that the resampler still holds, at a flush or the end of the audio.
    pub fn finish(&mut self, out: &mut Vec<f32>) {
        if let Some(resampler) = &mut self.resampler {
            resampler.finish(out);
        }
    }

    /// Whether the channels that are mixed were found to be in opposite phase, so that the samples are nearly silent. True only once,
    /// after a second with sound; with `ended`, a tenth of a second is enough.
    pub fn opposite_phase(&mut self, ended: bool) -> bool {
        self.decoder.opposite_phase(ended)
    }

    /// Discards the beginning of a frame whose rest has not come.
    pub fn discard_partial_frame(&mut self) {
        self.decoder.reset();
    }

    /// Discards pending audio, and counts from 0.
    pub fn reset(&mut self) {
        self.decoder.reset();
        self.frames = 0;
        if let Some(resampler) = &mut self.resampler {
            resampler.reset();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A sine of `hertz` as s16le bytes.
    fn sine(hertz: f64, rate: u32, frames: u32) -> Vec<u8> {
        (0..frames)
            .map(|n| (f64::from(n) * hertz * std::f64::consts::TAU / f64::from(rate)).sin())
            .flat_map(|x| ((x * 16_384.0) as i16).to_le_bytes())
            .collect()
    }

    fn convert(rate: u32, bytes: &[u8], cut: usize) -> Vec<f32> {
        let format = AudioFormat { sample_rate: rate, ..AudioFormat::default() };
        let mut intake = Intake::new(format, 16_000).unwrap();
        let mut out = Vec::new();
        for piece in bytes.chunks(cut) {
            intake.push(piece, &mut out);
        }
        intake.finish(&mut out);
        out
    }

    #[test]
    fn a_tone_keeps_its_pitch_place_and_level() {
        for rate in [8_000, 11_025, 22_050, 24_000, 44_100, 48_000, 96_000, 192_000, 12_347] {
            let out = convert(rate, &sine(440.0, rate, rate), 640);
            assert_eq!(out.len(), 16_000, "{rate}");
            let ideal = |n: f64| (n * 440.0 * std::f64::consts::TAU / 16_000.0).sin() * 0.5;
            // The filter's delay is accurate to one sample: 62 microseconds.
            let worst = |shift: f64| {
                (400..15_600).map(|n| (f64::from(out[n]) - ideal(n as f64 + shift)).abs()).fold(0.0, f64::max)
            };
            let best = [-1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0].map(worst).into_iter().fold(1.0, f64::min);
            assert!(best < 0.025, "{rate}: off by {best}");
        }
    }

    #[test]
    fn frequencies_above_the_models_range_are_removed_not_folded() {
        for rate in [44_100, 48_000, 192_000] {
            let out = convert(rate, &sine(10_500.0, rate, rate), 640);
            let loudest = out[400..15_600].iter().fold(0.0f32, |a, x| a.max(x.abs()));
            assert!(loudest < 0.005, "{rate}: {loudest}");
        }
    }

    #[test]
    fn channels_in_opposite_phase_are_found_if_they_are_mixed() {
        let mono = sine(440.0, 16_000, 16_000);
        let samples = mono.as_chunks().0.iter().map(|bytes| i16::from_le_bytes(*bytes));
        let bytes: Vec<u8> = samples.flat_map(|x| [x, -x]).flat_map(i16::to_le_bytes).collect();
        for (channel, found) in [(None, true), (Some(0), false)] {
            let format = AudioFormat { channels: 2, channel, ..AudioFormat::default() };
            let mut intake = Intake::new(format, 16_000).unwrap();
            intake.push(&bytes[..40_000], &mut Vec::new());
            assert!(!intake.opposite_phase(false));
            // A reset does not restart it.
            intake.reset();
            intake.push(&bytes[40_000..], &mut Vec::new());
            assert_eq!((intake.opposite_phase(true), intake.opposite_phase(true)), (found, false));
        }
    }

    #[test]
    fn equal_rates_pass_through() {
        assert_eq!(convert(16_000, &sine(440.0, 16_000, 100), 3), convert(16_000, &sine(440.0, 16_000, 100), 200));
    }

    #[test]
    fn a_finished_intake_starts_afresh() {
        let format = AudioFormat { sample_rate: 48_000, ..AudioFormat::default() };
        let mut intake = Intake::new(format, 16_000).unwrap();
        let bytes = sine(440.0, 48_000, 4_800);
        let (mut first, mut second) = (Vec::new(), Vec::new());
        intake.push(&bytes, &mut first);
        intake.finish(&mut first);
        intake.push(&bytes, &mut second);
        intake.finish(&mut second);
        assert_eq!(first, second);
        assert_eq!(intake.frames(), 9_600);
    }

    proptest! {
        #[test]
        fn frames_of_any_size_give_the_same_samples(cut in 1usize..3_000, rate in 8_000u32..60_000) {
            let bytes = sine(300.0, rate, 3_000);
            prop_assert_eq!(convert(rate, &bytes, cut), convert(rate, &bytes, bytes.len()));
        }
    }
}
