//! FLAC; its frames are parsed and decoded by crate `symphonia`.
//!
//! The crate would parse any bytes after a recording as frames, so it only gets the recording's description and frames. This file
//! handles the bytes around them: pictures, tags, and another recording that follows. Frames are numbered, so missing ones are
//! detected.

use super::{
    codec::Codec,
    container::{Container, Progress},
    error::{Damage, ReadError},
    input::Input,
    layout::Layout,
    stream_info::{STREAM_INFO, StreamInfo},
    tags,
};
use std::{
    io::{Cursor, ErrorKind, Read},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use symphonia::{
    core::{
        codecs::audio::well_known::CODEC_ID_FLAC,
        errors::Error,
        formats::{FormatOptions, FormatReader},
        io::{MediaSourceStream, ReadOnlySource},
    },
    default::formats::FlacReader,
};

/// The size of an ID3v1 tag: the last bytes of a file.
const ID3V1: usize = 128;
/// Bytes after a recording that are not reported.
const TOLERATED: u64 = 1_024;

/// Reads FLAC.
pub(super) struct Flac {
    input: Shared,
    first: StreamInfo,
    recording: Option<Recording>,
    damage: Option<Damage>,
}

/// One recording.
struct Recording {
    info: StreamInfo,
    frames: FlacReader<'static>,
    codec: Codec,
    /// The expected position of the next frame.
    position: u64,
}

/// The input, shared with the crate's reader.
#[derive(Clone)]
struct Shared(Arc<Mutex<Input>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Input> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flac {
    /// Whether a FLAC file begins here.
    pub(super) fn begins(start: &[u8]) -> bool {
        start.starts_with(b"fLaC")
    }

    /// Reads up to the first frame.
    ///
    /// # Errors
    /// There is no valid description of the stream, or no frame.
    pub(super) fn open(input: Input) -> Result<Self, ReadError> {
        let input = Shared(Arc::new(Mutex::new(input)));
        let recording = Recording::open(&input)?;
        Ok(Self { input, first: recording.info, recording: Some(recording), damage: None })
    }

    /// Looks for another recording after the last one.
    fn next_recording(&mut self) -> Result<Progress, ReadError> {
        let mut input = self.input.lock();
        tags::skip(&mut input);
        if Self::begins(input.peek(4)) {
            drop(input);
            return Ok(match Recording::open(&self.input) {
                Ok(recording) => {
                    let layout = recording.info.layout;
                    self.recording = Some(recording);
                    Progress::Audio(layout)
                }
                Err(ReadError::Io(error)) => return Err(error.into()),
                Err(_) => Progress::Damage(Damage::Recording),
            });
        }
        let bytes = input.skip_all();
        input.end()?;
        Ok(if bytes > TOLERATED { Progress::Damage(Damage::Unknown { bytes }) } else { Progress::End })
    }
}

impl Container for Flac {
    fn layout(&self) -> Layout {
        self.first.layout
    }

    fn frames(&self, _length: Option<u64>) -> Option<u64> {
        Some(self.first.frames).filter(|frames| *frames > 0)
    }

    fn step(&mut self, out: &mut Vec<u8>) -> Result<Progress, ReadError> {
        if let Some(damage) = self.damage.take() {
            return Ok(Progress::Damage(damage));
        }
        let Some(recording) = &mut self.recording else { return self.next_recording() };
        let layout = recording.info.layout;
        let missing = |frames: u64| Damage::Missing { seconds: frames as f64 / f64::from(layout.sample_rate) };
        match recording.frames.next_packet() {
            Ok(Some(packet)) => {
                let place = packet.pts.get().unsigned_abs();
                let gap = place.saturating_sub(recording.position);
                recording.position = place.saturating_add(packet.dur.get());
                let got = recording.codec.decode(&packet.data, out)?;
                if gap > 0 {
                    self.damage = Some(missing(gap));
                }
                Ok(got)
            }
            Err(Error::IoError(error)) if error.kind() != ErrorKind::UnexpectedEof => Err(error.into()),
            // The crate reports an early end as an error.
            Ok(None) | Err(Error::IoError(_)) => {
                let gap = recording.info.frames.saturating_sub(recording.position);
                self.recording = None;
                Ok(if gap > 0 { Progress::Damage(missing(gap)) } else { Progress::Audio(layout) })
            }
            Err(error) => Err(ReadError::Decoder(error.to_string())),
        }
    }
}

impl Recording {
    fn open(shared: &Shared) -> Result<Self, ReadError> {
        let block = description(&mut shared.lock())?;
        let info = StreamInfo::read(&block).ok_or(ReadError::AllDamaged)?;
        // The description as the only metadata block.
        let head = [b"fLaC\x80\0\0".as_slice(), &[STREAM_INFO as u8], &block].concat();
        let reader = Cursor::new(head).chain(Frames(shared.clone()));
        let stream = MediaSourceStream::new(Box::new(ReadOnlySource::new(reader)), Default::default());
        let frames = FlacReader::try_new(stream, FormatOptions::default()).map_err(|error| match error {
            Error::IoError(error) if error.kind() != ErrorKind::UnexpectedEof => ReadError::Io(error),
            Error::IoError(_) => ReadError::NoAudio,
            error => ReadError::Decoder(error.to_string()),
        })?;
        Ok(Self { info, frames, codec: Codec::new(CODEC_ID_FLAC, info.layout, Some(&block))?, position: 0 })
    }
}

/// Reads up to the first frame; returns the description of the stream (the block STREAMINFO).
fn description(input: &mut Input) -> Result<Vec<u8>, ReadError> {
    let mut description = Vec::new();
    input.skip(4);
    while let &[kind, a, b, c] = input.peek(4) {
        let size = u32::from_be_bytes([0, a, b, c]);
        input.skip(4);
        if kind & 0x7f == 0 && description.is_empty() {
            description = input.peek(STREAM_INFO).to_vec();
        }
        input.skip(size.into());
        if kind & 0x80 != 0 {
            break;
        }
    }
    input.end()?;
    Ok(description)
}

/// A reader of one recording's frames. It ends before a tag, another recording, or the end.
struct Frames(Shared);

impl Read for Frames {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let mut input = self.0.lock();
        let seen = input.ready(ID3V1 + 1);
        let ended = seen.len() <= ID3V1;
        let most = out.len().min(if ended { seen.len() } else { seen.len() - ID3V1 });
        let ends_at = |place: usize| match seen[place] {
            b'f' | b'I' | b'A' => other_begins(&seen[place..]),
            b'T' => seen.len() == ID3V1 && place == 0 && seen.starts_with(b"TAG"),
            _ => false,
        };
        let bytes = (0..most).find(|place| ends_at(*place)).unwrap_or(most);
        out[..bytes].copy_from_slice(&seen[..bytes]);
        input.skip(bytes as u64);
        if bytes == 0 && ended {
            input.end()?;
        }
        Ok(bytes)
    }
}

/// Whether another recording or a tag begins here. It compares so many bytes that a frame cannot match by chance.
fn other_begins(seen: &[u8]) -> bool {
    match seen {
        [b'f', b'L', b'a', b'C', 0 | 0x80, 0, 0, 34, ..] => true,
        [b'I', b'D', b'3', 2..=4, 0, flags, ..] => flags & 0xf == 0 && tags::length(seen).is_some(),
        [b'A', b'P', b'E', b'T', b'A', b'G', b'E', b'X', ..] => true,
        _ => false,
    }
}
