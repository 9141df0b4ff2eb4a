//! Converts the layouts of a file to one output format.
//!
//! Frames in that format are copied byte for byte. Otherwise a channel is selected or channels are mixed. Audio that changes its
//! rate or channels in the middle of the file is converted to the layout at its beginning.

use super::{
    error::ReadError,
    layout::{Layout, MAX_CHANNELS},
};
use crate::{decoder::Decoder, pcm::Pcm, resample::Resampler};
use audio_codec_algorithms::{encode_alaw, encode_ulaw};
use auricle_core::{AudioFormat, Encoding};

/// Rates that can be converted, in samples per second.
const RATES: std::ops::RangeInclusive<u32> = 1_000..=768_000;
/// Rates that a server accepts; `AudioFormat::check` has the same.
const SERVER_RATES: (u32, u32) = (8_000, 192_000);
/// The most channels that a server accepts.
const SERVER_CHANNELS: u16 = 8;

/// The limit for the construction of a file's resamplers, because a file can change its rate with every packet. A resampler that
/// does not divide the rate costs 1 (about a millisecond); one that divides it costs the divisor.
const MAX_COST: u64 = 1_000;

/// Converts frames.
pub(super) struct Convert {
    from: Layout,
    to: AudioFormat,
    /// The selected channel.
    selected: Option<u16>,
    method: Method,
    /// The cost of all resamplers so far.
    cost: u64,
}

/// How frames are converted.
enum Method {
    /// They are copied.
    Copy,
    /// One sample of each frame is copied.
    Pick(u16),
    /// They are decoded: one lane per output channel, or one mixed lane for all of them.
    Lanes(Vec<Lane>),
}

struct Lane {
    pcm: Pcm,
    resampler: Option<Resampler>,
    decoded: Vec<f32>,
    /// Samples that are not written yet.
    ready: Vec<f32>,
}

impl Convert {
    /// A converter for a file that begins with this layout. `selected` is the only channel to return, from 0. Without it all
    /// channels are kept, or mixed to one if a server does not accept so many.
    ///
    /// # Errors
    /// The channel does not exist, or the layout is not supported.
    pub(super) fn new(from: Layout, selected: Option<u16>) -> Result<Self, ReadError> {
        let Layout { encoding, sample_rate, channels } = from;
        check(from)?;
        if let Some(channel) = selected.filter(|channel| *channel >= channels) {
            return Err(ReadError::NoChannel { channel, channels });
        }
        let mixed = selected.is_none() && channels > SERVER_CHANNELS;
        let to = AudioFormat {
            encoding: if mixed { Encoding::F32le } else { encoding },
            sample_rate: sample_rate.clamp(SERVER_RATES.0, SERVER_RATES.1),
            channels: if mixed || selected.is_some() { 1 } else { channels },
            channel: None,
        };
        Ok(Self { from, to, selected, method: method(from, to, selected)?, cost: 0 })
    }

    /// The output format.
    pub(super) fn format(&self) -> AudioFormat {
        self.to
    }

    /// Converts whole frames and appends them to `out`.
    ///
    /// # Errors
    /// The layout has changed to an unsupported one, or the rate has changed too often.
    pub(super) fn push(&mut self, layout: Layout, frames: &[u8], out: &mut Vec<u8>) -> Result<(), ReadError> {
        if layout != self.from {
            self.finish(out);
            check(layout)?;
            self.method = method(layout, self.to, self.selected)?;
            if let Method::Lanes(lanes) = &self.method {
                let resamplers = lanes.iter().filter(|lane| lane.resampler.is_some()).count() as u64;
                self.cost += resamplers * u64::from((layout.sample_rate / self.to.sample_rate).max(1));
            }
            if self.cost > MAX_COST {
                return Err(ReadError::RateChanges);
            }
            self.from = layout;
        }
        match &mut self.method {
            Method::Copy => out.extend_from_slice(frames),
            Method::Pick(channel) => {
                let bytes = layout.format(None).sample_bytes();
                let start = usize::from(*channel) * bytes;
                let frames = frames.chunks_exact(layout.frame_bytes());
                out.extend(frames.flat_map(|frame| &frame[start..start + bytes]));
            }
            Method::Lanes(lanes) => {
                for Lane { pcm, resampler, decoded, ready } in lanes.iter_mut() {
                    match resampler {
                        None => _ = pcm.decode(frames, ready),
                        Some(resampler) => {
                            decoded.clear();
                            pcm.decode(frames, decoded);
                            resampler.push(decoded, ready);
                        }
                    }
                }
                write(lanes, self.to, out);
            }
        }
        Ok(())
    }

    /// Appends the samples that the resamplers still hold.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        if let Method::Lanes(lanes) = &mut self.method {
            for Lane { resampler, ready, .. } in lanes.iter_mut() {
                if let Some(resampler) = resampler {
                    resampler.finish(ready);
                }
            }
            write(lanes, self.to, out);
        }
    }
}

/// Checks that a layout is supported.
fn check(Layout { sample_rate, channels, .. }: Layout) -> Result<(), ReadError> {
    if !RATES.contains(&sample_rate) {
        return Err(ReadError::Rate(sample_rate));
    }
    if !(1..=MAX_CHANNELS).contains(&channels) {
        return Err(ReadError::Channels(channels));
    }
    Ok(())
}

fn method(from: Layout, to: AudioFormat, selected: Option<u16>) -> Result<Method, ReadError> {
    // If the selected channel disappears in the middle of the file, all channels are mixed.
    let selected = selected.filter(|channel| *channel < from.channels);
    if (from.encoding, from.sample_rate) == (to.encoding, to.sample_rate) {
        match selected {
            Some(channel) => return Ok(Method::Pick(channel)),
            None if from.channels == to.channels => return Ok(Method::Copy),
            None => {}
        }
    }
    let channels: Vec<Option<u16>> =
        if from.channels == to.channels { (0..from.channels).map(Some).collect() } else { vec![selected] };
    let lane = |channel| {
        let resampler = Resampler::new(from.sample_rate, to.sample_rate)?;
        Ok(Lane { pcm: Pcm::new(from.format(channel)), resampler, decoded: Vec::new(), ready: Vec::new() })
    };
    channels.into_iter().map(lane).collect::<Result<_, _>>().map(Method::Lanes)
}

/// Interleaves the samples that all lanes have. A single lane is copied to every channel.
fn write(lanes: &mut [Lane], to: AudioFormat, out: &mut Vec<u8>) {
    let frames = lanes.iter().map(|lane| lane.ready.len()).min().unwrap_or(0);
    for frame in 0..frames {
        for channel in 0..usize::from(to.channels) {
            encode(lanes[channel.min(lanes.len() - 1)].ready[frame], to.encoding, out);
        }
    }
    for lane in lanes {
        lane.ready.drain(..frames);
    }
}

fn encode(sample: f32, encoding: Encoding, out: &mut Vec<u8>) {
    let short = (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16;
    match encoding {
        Encoding::S16le => out.extend(short.to_le_bytes()),
        Encoding::F32le => out.extend(sample.to_le_bytes()),
        Encoding::Mulaw => out.push(encode_ulaw(short)),
        Encoding::Alaw => out.push(encode_alaw(short)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEREO: Layout = Layout { encoding: Encoding::S16le, sample_rate: 16_000, channels: 2 };

    fn shorts(samples: &[i16]) -> Vec<u8> {
        samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
    }

    fn pushed(convert: &mut Convert, layout: Layout, samples: &[i16]) -> Vec<u8> {
        let mut out = Vec::new();
        convert.push(layout, &shorts(samples), &mut out).unwrap();
        out
    }

    #[test]
    fn frames_that_are_right_are_handed_on() {
        let mut convert = Convert::new(STEREO, None).unwrap();
        assert_eq!(convert.format(), STEREO.format(None));
        assert_eq!(pushed(&mut convert, STEREO, &[1, -2, 3, -4]), shorts(&[1, -2, 3, -4]));
    }

    #[test]
    fn only_the_selected_channel_is_returned() {
        let mut convert = Convert::new(STEREO, Some(1)).unwrap();
        assert_eq!(convert.format(), AudioFormat::default());
        assert_eq!(pushed(&mut convert, STEREO, &[1, -2, 3, -4]), shorts(&[-2, -4]));
        assert!(matches!(Convert::new(STEREO, Some(2)), Err(ReadError::NoChannel { channel: 2, channels: 2 })));
    }

    #[test]
    fn more_channels_than_a_server_takes_are_mixed() {
        let ten = Layout { channels: 10, ..STEREO };
        let mut convert = Convert::new(ten, None).unwrap();
        assert_eq!(convert.format(), AudioFormat { encoding: Encoding::F32le, ..AudioFormat::default() });
        Convert::new(Layout { channels: 9, ..STEREO }, None).unwrap().format().check().unwrap();
        let eight = Convert::new(Layout { channels: 8, ..STEREO }, None).unwrap();
        assert_eq!(eight.format().channels, 8);
        eight.format().check().unwrap();
        let mixed = pushed(&mut convert, ten, &[16_384, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert!((f32::from_le_bytes(mixed.try_into().unwrap()) - 0.05).abs() < 1e-6);
        let mut convert = Convert::new(ten, Some(9)).unwrap();
        assert_eq!(pushed(&mut convert, ten, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 7]), shorts(&[7]));
    }

    #[test]
    fn what_changes_in_the_middle_becomes_what_was_first() {
        let mut convert = Convert::new(STEREO, None).unwrap();
        let mut out = pushed(&mut convert, STEREO, &[100, 200]);
        // One channel is copied to both.
        let mono = Layout { channels: 1, ..STEREO };
        out.extend(pushed(&mut convert, mono, &[300, 400]));
        assert_eq!(out, shorts(&[100, 200, 300, 300, 400, 400]));
        // A second at another rate stays a second, and the channels stay separate.
        let fast = Layout { sample_rate: 48_000, ..STEREO };
        let mut second = pushed(&mut convert, fast, &[1_000, -1_000].repeat(48_000));
        convert.finish(&mut second);
        assert_eq!(second.len(), 16_000 * 4);
        assert_eq!(second[32_000..32_004], shorts(&[1_000, -1_000]));
    }

    #[test]
    fn a_rate_that_changes_without_end_is_refused() {
        let mut convert = Convert::new(STEREO, None).unwrap();
        let fast = Layout { sample_rate: 48_000, ..STEREO };
        let mut out = Vec::new();
        let mut change = |layout| convert.push(layout, &[0; 8], &mut out);
        // Each change costs three per channel; the change back costs nothing.
        for _ in 0..MAX_COST / 6 {
            change(fast).unwrap();
            change(STEREO).unwrap();
        }
        let error = change(fast).unwrap_err().to_string();
        assert!(error.contains("sample rate changes too often"), "{error}");
    }

    #[test]
    fn every_encoding_can_be_what_was_first() {
        let later = Layout { channels: 1, ..STEREO };
        for (encoding, bytes) in [(Encoding::F32le, 4), (Encoding::Mulaw, 1), (Encoding::Alaw, 1)] {
            let mut convert = Convert::new(Layout { encoding, ..later }, None).unwrap();
            let out = pushed(&mut convert, later, &[16_000, -16_000]);
            assert_eq!(out.len(), 2 * bytes);
            let mut samples = Vec::new();
            Pcm::new(convert.format()).decode(&out, &mut samples);
            let right = [16_000.0 / 32_768.0, -16_000.0 / 32_768.0];
            assert!(
                samples.iter().zip(right).all(|(sample, right): (&f32, f32)| (sample - right).abs() < 0.02),
                "{samples:?}"
            );
        }
    }

    #[test]
    fn rates_that_no_server_takes_are_converted() {
        for (rate, served) in [(6_000, 8_000), (384_000, 192_000)] {
            let layout = Layout { sample_rate: rate, channels: 1, ..STEREO };
            let mut convert = Convert::new(layout, None).unwrap();
            assert_eq!(convert.format().sample_rate, served);
            convert.format().check().unwrap();
            let mut out = pushed(&mut convert, layout, &vec![0; rate as usize]);
            convert.finish(&mut out);
            assert_eq!(out.len(), served as usize * 2);
        }
        assert!(matches!(Convert::new(Layout { sample_rate: 0, ..STEREO }, None), Err(ReadError::Rate(0))));
    }
}
