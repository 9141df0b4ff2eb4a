//! WebM, Matroska and MP4: containers that crate `symphonia` takes apart.
//!
//! Invariant: the first audio track that can be decoded is read from the beginning to the end that its encoder states. A gap in
//! the track, a file that ends before its track does, and another file after the first are reported. WebM is read as it
//! comes: sizes and length may be unknown, as in a browser's recording. MP4 is read into memory, because its index may be at the end.

mod edits;
mod elements;

use super::{
    codec::Codec,
    container::{Container, Progress},
    error::{Damage, ReadError},
    input::Input,
    layout::Layout,
    unsupported::Unsupported,
};
use edits::Edits;
use elements::{Elements, Followed};
use std::{
    io::{self, Cursor, ErrorKind, Read},
    sync::{Arc, Mutex, PoisonError},
};
use symphonia::{
    core::{
        codecs::CodecParameters,
        errors::Error,
        formats::{FormatReader, Track},
        io::{MediaSource, MediaSourceStream, ReadOnlySource},
        units::TimeBase,
    },
    default::formats::{IsoMp4Reader, MkvReader},
};

/// The size of the largest MP4 file, in bytes.
const MAX_FILE: u64 = 1 << 30;

/// Seconds that may be missing without a report. The times of WebM blocks come from the recorder's clock; MP4 counts exactly.
const TOLERATED: f64 = 0.25;
const TOLERATED_EXACT: f64 = 0.02;
/// Bytes after a recording that are not reported.
const TOLERATED_AFTER: u64 = 1_024;

/// Reads the audio track of a WebM, Matroska or MP4 file.
pub(super) struct Demux {
    /// `None` at the end.
    reader: Option<Box<dyn FormatReader>>,
    track: u32,
    codec: Codec,
    /// Frames of audio per tick of the track's clock.
    frames_per_tick: f64,
    /// Bytes of decoded frames still to skip at the start.
    skip: usize,
    /// The end of the track that the file states, in frames.
    until: Option<i64>,
    /// Frames after that end are cut off (MP4).
    exact: bool,
    /// The expected position of the next packet, in frames.
    next: Option<i64>,
    damage: Option<Damage>,
    /// MP4: another recording follows this one.
    joined: bool,
    /// WebM: the elements read so far.
    elements: Arc<Mutex<Elements>>,
}

impl Demux {
    /// Opens a WebM or Matroska file and reads up to its first block.
    ///
    /// # Errors
    /// There is none, or no supported audio track.
    pub(super) fn webm(input: Input) -> Result<Self, ReadError> {
        let (input, elements) = Followed::new(input);
        let reader =
            Box::new(MkvReader::try_new(stream(ReadOnlySource::new(input)), Default::default()).map_err(read_error)?);
        let info = reader.media_info();
        // With several tracks the duration may be that of the video.
        let duration = info.duration.filter(|_| reader.tracks().len() == 1).zip(info.time_base);
        let other = Unsupported::new("WebM or Matroska without a supported audio track", "webm");
        let mut demux = Self::new(reader, other)?;
        let rate = f64::from(demux.codec.layout().sample_rate);
        demux.until = duration.map(|(ticks, base)| (ticks.get() as f64 * seconds(base) * rate).round() as i64);
        demux.elements = elements;
        Ok(demux)
    }

    /// Opens an MP4 file and reads it into memory.
    ///
    /// # Errors
    /// There is no index, or no supported audio track, or the file is too large.
    pub(super) fn mp4(input: Input) -> Result<Self, ReadError> {
        let mut bytes = Vec::new();
        input.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(ReadError::Unsupported(Unsupported::new("M4A or MP4 larger than 1 GiB", "mp4")));
        }
        let edits = Edits::read(&bytes);
        // Without seeking if possible: a file that is cut off is then read up to there.
        let source = if edits.index_first {
            stream(ReadOnlySource::new(Cursor::new(bytes)))
        } else {
            stream(Cursor::new(bytes))
        };
        let reader = Box::new(IsoMp4Reader::try_new(source, Default::default()).map_err(read_error)?);
        let durations: Vec<_> = reader.tracks().iter().map(|track| (track.id, track.duration)).collect();
        let mut demux = Self::new(reader, Unsupported::new("M4A or MP4 without a supported audio track", "m4a"))?;
        (demux.exact, demux.joined) = (true, edits.joined);
        let ticks = durations.iter().find(|(id, _)| *id == demux.track).and_then(|(_, duration)| *duration);
        let ticks = ticks.map(|ticks| ticks.get()).filter(|ticks| *ticks > 0);
        demux.until = ticks.map(|ticks| (ticks as f64 * demux.frames_per_tick).round() as i64);
        if let Some(edit) = edits.get(demux.track) {
            let start = (edit.start as f64 * demux.frames_per_tick).round() as usize;
            demux.skip = start.saturating_mul(demux.codec.layout().frame_bytes());
            demux.until = edit.end(start as i64, demux.codec.layout().sample_rate, demux.until);
        }
        Ok(demux)
    }

    fn new(reader: Box<dyn FormatReader>, other: Unsupported) -> Result<Self, ReadError> {
        let mut problem = ReadError::Unsupported(other);
        for track in reader.tracks() {
            let &Track {
                id, time_base: Some(time_base), codec_params: Some(CodecParameters::Audio(ref audio)), ..
            } = track
            else {
                continue;
            };
            match Codec::of_track(audio) {
                Ok((codec, skip)) => {
                    let layout = codec.layout();
                    return Ok(Self {
                        track: id,
                        reader: Some(reader),
                        codec,
                        frames_per_tick: f64::from(layout.sample_rate) * seconds(time_base),
                        skip: usize::from(skip) * layout.frame_bytes(),
                        until: None,
                        exact: false,
                        next: None,
                        damage: None,
                        joined: false,
                        elements: Arc::default(),
                    });
                }
                Err(ReadError::Unrecognized) => {}
                Err(error) => problem = error,
            }
        }
        Err(problem)
    }

    /// Compares the decoded audio with the stated length, and checks the bytes after it.
    fn end(&mut self) -> Result<Option<Damage>, ReadError> {
        if let Some(reader) = self.reader.take() {
            io::copy(&mut reader.into_inner(), &mut io::sink())?;
        }
        let missing = self.until.and_then(|until| self.missing(until.saturating_sub(self.next.unwrap_or(0))));
        let elements = self.elements.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = elements.trailing_bytes();
        self.damage = if self.joined || elements.is_joined() {
            Some(Damage::Recording)
        } else if elements.is_cut_off() && missing.is_none() {
            Some(Damage::CutOff)
        } else {
            (bytes > TOLERATED_AFTER).then_some(Damage::Unknown { bytes })
        };
        Ok(missing)
    }

    /// Reports missing frames if they are more than the tolerance.
    fn missing(&self, frames: i64) -> Option<Damage> {
        let seconds = frames as f64 / f64::from(self.layout().sample_rate);
        (seconds > if self.exact { TOLERATED_EXACT } else { TOLERATED }).then_some(Damage::Missing { seconds })
    }
}

impl Container for Demux {
    fn layout(&self) -> Layout {
        self.codec.layout()
    }

    fn frames(&self, _length: Option<u64>) -> Option<u64> {
        let skipped = if self.exact { self.skip / self.layout().frame_bytes() } else { 0 };
        self.until?.checked_sub_unsigned(skipped as u64)?.try_into().ok()
    }

    fn step(&mut self, out: &mut Vec<u8>) -> Result<Progress, ReadError> {
        if let Some(damage) = self.damage.take() {
            return Ok(Progress::Damage(damage));
        }
        let layout = self.layout();
        let Some(reader) = &mut self.reader else { return Ok(Progress::End) };
        let packet = match reader.next_packet() {
            Ok(Some(packet)) if packet.track_id == self.track => packet,
            Ok(Some(_)) => return Ok(Progress::Audio(layout)),
            Err(Error::IoError(error)) if error.kind() != ErrorKind::UnexpectedEof => return Err(error.into()),
            // If sizes are unknown, the crate reports the end as unexpected.
            Ok(None) | Err(Error::IoError(_)) => {
                let missing = self.end()?;
                return Ok(missing.map_or(Progress::Audio(layout), Progress::Damage));
            }
            Err(error) => return Err(read_error(error)),
        };
        let place = (packet.pts.get() as f64 * self.frames_per_tick).round() as i64;
        if self.next.is_none() && self.skip == 0 {
            // Packets at negative times only prepare the decoder.
            self.skip = place.min(0).unsigned_abs() as usize * layout.frame_bytes();
        }
        self.damage = self.next.and_then(|next| self.missing(place.saturating_sub(next)));
        let got = self.codec.decode(&packet.data, out)?;
        let frames = out.len() / layout.frame_bytes();
        let stated = (packet.dur.get() as f64 * self.frames_per_tick).round() as i64;
        self.next = Some(place.saturating_add(if frames > 0 { frames as i64 } else { stated }));
        if let Some(until) = self.until.filter(|_| self.exact) {
            let left = until.saturating_sub(place).clamp(0, frames as i64) as usize;
            out.truncate(left * layout.frame_bytes());
        }
        let skipped = self.skip.min(out.len());
        out.drain(..skipped);
        self.skip -= skipped;
        Ok(got)
    }
}

fn stream(source: impl MediaSource + 'static) -> MediaSourceStream<'static> {
    MediaSourceStream::new(Box::new(source), Default::default())
}

fn seconds(time_base: TimeBase) -> f64 {
    f64::from(time_base.numer.get()) / f64::from(time_base.denom.get())
}

fn read_error(error: Error) -> ReadError {
    match error {
        Error::IoError(error) if error.kind() != ErrorKind::UnexpectedEof => ReadError::Io(error),
        Error::IoError(_) => ReadError::AllDamaged,
        error => ReadError::Decoder(error.to_string()),
    }
}
