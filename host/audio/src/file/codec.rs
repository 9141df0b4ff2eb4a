//! Coded packets to frames: Opus by crate `opus-rs`, all else by crate `symphonia`.
//!
//! Nothing is trimmed here: the readers of containers know where a recording begins and ends.

use super::{
    container::Got,
    error::{Damage, ReadError},
    foreign::Foreign,
    layout::Layout,
    opus_head::OpusHead,
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

/// So many damaged packets on end, and the file is given up.
const HOPELESS: u32 = 1_000;

/// What the decoder of AAC leaves out.
const HE_AAC: Foreign = Foreign::new("a file of HE-AAC, or of AAC with more than two channels", "m4a");

/// A decoder at work on one recording.
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
    /// For packets of one kind that make frames of one layout; `extra` is what the codec wants to know beforehand.
    ///
    /// # Errors
    /// The decoder does not understand what it was told.
    pub(super) fn new(codec: AudioCodecId, layout: Layout, extra: Option<&[u8]>) -> Result<Self, ReadError> {
        let mut parameters = AudioCodecParameters::new();
        parameters.for_codec(codec).with_sample_rate(layout.sample_rate);
        if let Some(extra) = extra {
            parameters.with_extra_data(extra.into());
        }
        let decoder = symphonia::default::get_codecs()
            .make_audio_decoder(&parameters, &AudioDecoderOptions::default())
            .map_err(|error| refused(codec, error))?;
        Ok(Self::of(Decoder::Symphonia(decoder), layout))
    }

    /// For a track as a container describes it; and how many frames are to be left out at its start.
    ///
    /// # Errors
    /// It is damaged, or a kind of AAC that is not read; [`ReadError::Unknown`]: another codec.
    pub(super) fn of_track(parameters: &AudioCodecParameters) -> Result<(Self, u16), ReadError> {
        if parameters.codec == CODEC_ID_OPUS {
            let head =
                OpusHead::read(parameters.extra_data.as_deref().unwrap_or_default()).ok_or(ReadError::Unknown)?;
            return Ok((Self::opus(&head)?, head.skip));
        }
        let decoder = symphonia::default::get_codecs()
            .make_audio_decoder(parameters, &AudioDecoderOptions::default())
            .map_err(|error| refused(parameters.codec, error))?;
        // The decoder knows better than the container.
        let known = decoder.codec_params();
        let sample_rate = known.sample_rate.or(parameters.sample_rate).ok_or(ReadError::Unknown)?;
        let channels = known.channels.as_ref().or(parameters.channels.as_ref()).ok_or(ReadError::Unknown)?;
        let layout = Layout { encoding: Encoding::F32le, sample_rate, channels: channels.count() as u16 };
        Ok((Self::of(Decoder::Symphonia(decoder), layout), 0))
    }

    /// For packets of Opus.
    ///
    /// # Errors
    /// Its channels are not in its streams.
    pub(super) fn opus(head: &OpusHead) -> Result<Self, ReadError> {
        let decoder = Box::new(Opus::new(head.table.clone()).ok_or(ReadError::AllDamaged)?);
        Ok(Self::of(Decoder::Opus { decoder, gain: head.gain() }, head.layout()))
    }

    /// What its packets become.
    pub(super) fn layout(&self) -> Layout {
        self.layout
    }

    fn of(decoder: Decoder, layout: Layout) -> Self {
        Self { decoder, layout, damaged: 0, floats: Vec::new(), shorts: Vec::new() }
    }

    /// Appends a packet's frames to `out`. A packet that cannot be decoded is damage, of which the first on end is told.
    ///
    /// # Errors
    /// There are too many of those.
    pub(super) fn decode(&mut self, packet: &[u8], out: &mut Vec<u8>) -> Result<Got, ReadError> {
        let heard = Got::Audio(self.layout);
        let Err(damage) = self.append(packet, out) else {
            self.damaged = 0;
            return Ok(heard);
        };
        self.damaged += 1;
        match self.damaged {
            1 => Ok(Got::Damage(Damage::Undecodable(damage))),
            HOPELESS => Err(ReadError::Hopeless),
            _ => Ok(heard),
        }
    }

    /// Appends a packet's frames, or says why there are none.
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
            return Err("its header says something else".to_owned());
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

fn refused(codec: AudioCodecId, error: Error) -> ReadError {
    match error {
        Error::Unsupported(_) if codec == CODEC_ID_AAC => ReadError::Foreign(HE_AAC),
        Error::Unsupported(_) => ReadError::Unknown,
        error => ReadError::Decoder(error.to_string()),
    }
}
