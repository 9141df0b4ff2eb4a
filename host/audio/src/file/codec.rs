//! Decodes packets to frames: Opus by crate `opus-rs`, other codecs by crate `symphonia`.
//!
//! Nothing is trimmed here: only the container readers know where a recording begins and ends.

use super::{
    container::Progress,
    error::{Damage, ReadError},
    layout::Layout,
    opus_head::OpusHead,
    unsupported::Unsupported,
};
use crate::opus::Opus;
use auricle_core::Encoding;
use symphonia::core::{
    codecs::audio::{
        AudioCodecId, AudioCodecParameters, AudioDecoder, AudioDecoderOptions,
        well_known::{CODEC_ID_AAC, CODEC_ID_OPUS},
    },
    errors::Error,
    packet::PacketRef,
    units::{Duration, Timestamp},
};

/// After so many damaged packets in a row, reading stops.
const MAX_DAMAGED: u32 = 1_000;

/// The kinds of AAC that the decoder does not support.
const HE_AAC: Unsupported = Unsupported::new("HE-AAC, or AAC with more than two channels", "m4a");

/// The decoder of one recording.
pub(super) struct Codec {
    decoder: Decoder,
    layout: Layout,
    /// Damaged packets since the last good one.
    damaged: u32,
    floats: Vec<f32>,
    shorts: Vec<i16>,
}

enum Decoder {
    Symphonia(Box<dyn AudioDecoder>),
    Opus { decoder: Box<Opus>, gain: f32 },
}

impl Codec {
    /// A decoder of packets with one layout. `extra` is the codec's setup data.
    ///
    /// # Errors
    /// The decoder does not accept the setup data.
    pub(super) fn new(codec: AudioCodecId, layout: Layout, extra: Option<&[u8]>) -> Result<Self, ReadError> {
        let mut parameters = AudioCodecParameters::new();
        parameters.for_codec(codec).with_sample_rate(layout.sample_rate);
        if let Some(extra) = extra {
            parameters.with_extra_data(extra.into());
        }
        let decoder = symphonia::default::get_codecs()
            .make_audio_decoder(&parameters, &AudioDecoderOptions::default())
            .map_err(|error| decoder_error(codec, error))?;
        Ok(Self::with(Decoder::Symphonia(decoder), layout))
    }

    /// A decoder for a container's track, and the number of frames to skip at its start.
    ///
    /// # Errors
    /// The track is damaged, or an unsupported kind of AAC; [`ReadError::Unrecognized`] for another codec.
    pub(super) fn of_track(parameters: &AudioCodecParameters) -> Result<(Self, u16), ReadError> {
        if parameters.codec == CODEC_ID_OPUS {
            let head =
                OpusHead::read(parameters.extra_data.as_deref().unwrap_or_default()).ok_or(ReadError::Unrecognized)?;
            return Ok((Self::opus(&head)?, head.skip));
        }
        let decoder = symphonia::default::get_codecs()
            .make_audio_decoder(parameters, &AudioDecoderOptions::default())
            .map_err(|error| decoder_error(parameters.codec, error))?;
        // The codec's own header takes precedence over the container's.
        let known = decoder.codec_params();
        let sample_rate = known.sample_rate.or(parameters.sample_rate).ok_or(ReadError::Unrecognized)?;
        let channels = known.channels.as_ref().or(parameters.channels.as_ref()).ok_or(ReadError::Unrecognized)?;
        let layout = Layout { encoding: Encoding::F32le, sample_rate, channels: channels.count() as u16 };
        Ok((Self::with(Decoder::Symphonia(decoder), layout), 0))
    }

    /// A decoder of Opus packets.
    ///
    /// # Errors
    /// The channel mapping names streams that do not exist.
    pub(super) fn opus(head: &OpusHead) -> Result<Self, ReadError> {
        let decoder = Box::new(Opus::new(head.table.clone()).ok_or(ReadError::AllDamaged)?);
        Ok(Self::with(Decoder::Opus { decoder, gain: head.gain() }, head.layout()))
    }

    /// The layout of the decoded frames.
    pub(super) fn layout(&self) -> Layout {
        self.layout
    }

    fn with(decoder: Decoder, layout: Layout) -> Self {
        Self { decoder, layout, damaged: 0, floats: Vec::new(), shorts: Vec::new() }
    }

    /// Appends a packet's frames to `out`. Of several damaged packets in a row only the first is reported.
    ///
    /// # Errors
    /// Too many packets in a row are damaged.
    pub(super) fn decode(&mut self, packet: &[u8], out: &mut Vec<u8>) -> Result<Progress, ReadError> {
        let audio = Progress::Audio(self.layout);
        let Err(damage) = self.append(packet, out) else {
            self.damaged = 0;
            return Ok(audio);
        };
        self.damaged += 1;
        match self.damaged {
            1 => Ok(Progress::Damage(Damage::Undecodable(damage))),
            MAX_DAMAGED => Err(ReadError::TooDamaged),
            _ => Ok(audio),
        }
    }

    /// Appends a packet's frames.
    ///
    /// # Errors
    /// The decoder's message.
    fn append(&mut self, packet: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        let decoder = match &mut self.decoder {
            Decoder::Symphonia(decoder) => decoder,
            Decoder::Opus { decoder, gain } => {
                let frames = decoder.frames(packet)?;
                out.extend(frames.iter().flat_map(|sample| (sample * *gain).to_le_bytes()));
                return Ok(());
            }
        };
        let packet = PacketRef::new(0, Timestamp::ZERO, Duration::ZERO, packet);
        let buffer = decoder.decode_ref(&packet).map_err(|error| error.to_string())?;
        let (rate, channels) = (buffer.spec().rate(), buffer.spec().channels().count());
        if buffer.is_empty() {
            return Ok(());
        }
        if (rate, channels) != (self.layout.sample_rate, usize::from(self.layout.channels)) {
            return Err("its rate or channels differ from the file's header".to_owned());
        }
        if self.layout.encoding == Encoding::S16le {
            buffer.copy_to_vec_interleaved(&mut self.shorts);
            out.extend(self.shorts.iter().flat_map(|sample| sample.to_le_bytes()));
        } else {
            buffer.copy_to_vec_interleaved(&mut self.floats);
            out.extend(self.floats.iter().flat_map(|sample| sample.to_le_bytes()));
        }
        Ok(())
    }
}

fn decoder_error(codec: AudioCodecId, error: Error) -> ReadError {
    match error {
        Error::Unsupported(_) if codec == CODEC_ID_AAC => ReadError::Unsupported(HE_AAC),
        Error::Unsupported(_) => ReadError::Unrecognized,
        error => ReadError::Decoder(error.to_string()),
    }
}
