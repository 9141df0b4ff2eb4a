//! Coded audio to samples, by crate `symphonia`.
//!
//! Packets that cannot be decoded are left out and said to be; the audio goes on after them. The format is that of the
//! first samples decoded and does not change: a file in which it does is refused at that place.

use super::{
    container::{Container, Got},
    error::{Damage, ReadError},
    input::Input,
    layout::Layout,
};
use auricle_core::Encoding;
use std::io;
use symphonia::{
    core::{
        codecs::audio::{AudioDecoder, AudioDecoderOptions},
        errors::Error,
        formats::{
            FormatOptions, FormatReader, TrackType,
            probe::{Hint, Probe, ProbeOptions},
        },
        io::{MediaSourceStream, ReadOnlySource},
        meta::MetadataOptions,
    },
    default::{
        formats::{FlacReader, MpaReader, OggReader},
        meta::Id3v2Reader,
    },
};

/// So many damaged packets on end, and the file is given up.
const HOPELESS: u32 = 1_000;

/// How far into a file its beginning is looked for. Far enough for the rest of a frame at the start of an MP3 recording,
/// not so far that programs and pictures are taken for one.
const JUNK: u32 = 4_096;

/// A file being decoded.
pub(super) struct Decoding {
    container: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    track: u32,
    encoding: Encoding,
    /// Known from the first samples on.
    layout: Layout,
    frames: Option<u64>,
    /// Decoded while the file was opened.
    first: Vec<u8>,
    /// Damaged packets since the last good one.
    damaged: u32,
    floats: Vec<f32>,
    shorts: Vec<i16>,
}

impl Decoding {
    /// Finds out what the bytes are, and decodes up to the first samples.
    pub(super) fn open(input: Input) -> Result<Self, ReadError> {
        let stream = MediaSourceStream::new(Box::new(ReadOnlySource::new(input)), Default::default());
        let unknown = |error| match error {
            Error::IoError(error) if error.kind() != io::ErrorKind::UnexpectedEof => ReadError::Io(error),
            _ => ReadError::Unknown,
        };
        let container = probe()
            .probe(&Hint::new(), stream, FormatOptions::default(), MetadataOptions::default())
            .map_err(unknown)?;
        let (track, decoder) = decoder(&*container)?;
        let frames = container.default_track(TrackType::Audio).and_then(|track| track.num_frames);
        let parameters = decoder.codec_params();
        // What has more than 16 bits, or cannot say, is sent as floats: nothing is lost.
        let short = parameters.bits_per_sample.is_some_and(|bits| bits <= 16);
        let encoding = if short { Encoding::S16le } else { Encoding::F32le };
        let mut decoding = Self {
            container,
            decoder,
            track,
            encoding,
            layout: Layout { encoding, sample_rate: 0, channels: 0 },
            frames,
            first: Vec::new(),
            damaged: 0,
            floats: Vec::new(),
            shorts: Vec::new(),
        };
        decoding.begin()?;
        Ok(decoding)
    }

    /// Decodes up to the first samples.
    fn begin(&mut self) -> Result<(), ReadError> {
        let mut first = Vec::new();
        let mut damaged = false;
        while self.layout.channels == 0 {
            match self.step(&mut first)? {
                Got::Audio(_) => {}
                Got::Damage(_) => damaged = true,
                Got::End if damaged => return Err(ReadError::AllDamaged),
                Got::End => return Err(ReadError::Silent),
            }
        }
        self.first = first;
        Ok(())
    }

    /// Decodes one packet of the track; false at the end.
    fn packet(&mut self, out: &mut Vec<u8>) -> Result<bool, Error> {
        let packet = loop {
            match self.container.next_packet()? {
                None => return Ok(false),
                Some(packet) if packet.track_id == self.track => break packet,
                Some(_) => {}
            }
        };
        let buffer = self.decoder.decode(&packet)?;
        if buffer.is_empty() {
            return Ok(true);
        }
        let (sample_rate, channels) = (buffer.spec().rate(), buffer.spec().channels().count() as u16);
        let layout = Layout { encoding: self.encoding, sample_rate, channels };
        if self.layout.channels == 0 {
            self.layout = layout;
        }
        if self.layout != layout {
            return Err(Error::Unsupported("another sample rate or number of channels in the middle of the audio"));
        }
        match self.encoding {
            Encoding::S16le => {
                buffer.copy_to_vec_interleaved(&mut self.shorts);
                out.extend(self.shorts.iter().flat_map(|sample| sample.to_le_bytes()));
            }
            _ => {
                buffer.copy_to_vec_interleaved(&mut self.floats);
                out.extend(self.floats.iter().flat_map(|sample| sample.to_le_bytes()));
            }
        }
        Ok(true)
    }
}

impl Container for Decoding {
    fn layout(&self) -> Layout {
        self.layout
    }

    fn frames(&self, _length: Option<u64>) -> Option<u64> {
        self.frames
    }

    fn step(&mut self, out: &mut Vec<u8>) -> Result<Got, ReadError> {
        if !self.first.is_empty() {
            out.append(&mut self.first);
            return Ok(Got::Audio(self.layout));
        }
        loop {
            match self.packet(out) {
                Ok(false) => return Ok(Got::End),
                Ok(true) => {
                    self.damaged = 0;
                    return Ok(Got::Audio(self.layout));
                }
                Err(Error::ResetRequired) => (self.track, self.decoder) = decoder(&*self.container)?,
                Err(Error::DecodeError(what)) => {
                    self.damaged += 1;
                    match self.damaged {
                        1 => return Ok(Got::Damage(Damage::Undecodable(what))),
                        HOPELESS => return Err(ReadError::Hopeless),
                        _ => {}
                    }
                }
                Err(Error::IoError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Got::End),
                Err(Error::IoError(error)) => return Err(ReadError::Io(error)),
                Err(error) => return Err(ReadError::Decoder(error.to_string())),
            }
        }
    }
}

/// What looks for the beginning of a file.
fn probe() -> Probe {
    let mut probe = Probe::new_with_options(&ProbeOptions { max_probe_depth: JUNK, ..ProbeOptions::default() });
    probe.register_format::<FlacReader<'_>>();
    probe.register_format::<MpaReader<'_>>();
    probe.register_format::<OggReader<'_>>();
    // Before an MP3 recording, often with a picture: longer than what is searched.
    probe.register_metadata::<Id3v2Reader<'_>>();
    probe
}

/// The file's audio track and a decoder for it.
fn decoder(container: &dyn FormatReader) -> Result<(u32, Box<dyn AudioDecoder>), ReadError> {
    let track = container.default_track(TrackType::Audio).ok_or(ReadError::Codec)?;
    let parameters = track.codec_params.as_ref().and_then(|parameters| parameters.audio()).ok_or(ReadError::Codec)?;
    let decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(|_| ReadError::Codec)?;
    Ok((track.id, decoder))
}
