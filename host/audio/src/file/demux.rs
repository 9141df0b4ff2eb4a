//! WebM, Matroska and MP4: containers that crate `symphonia` takes apart.
//!
//! Invariant: a file's first track of audio that is understood is heard, from where its encoder says that it begins to where it
//! ends. Where the track has a gap, or the file ends before the track does, that is told. WebM is read as it comes, so sizes and
//! the length may be unknown, as in what a browser records. The index of MP4 may stand at its end: it is held whole.

mod edits;

use super::{
    codec::Codec,
    container::{Container, Got},
    error::{Damage, ReadError},
    foreign::Foreign,
    input::Input,
    layout::Layout,
};
use edits::Edits;
use std::io::{Cursor, ErrorKind, Read};
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

/// Bytes of MP4 that are held at most.
const MOST_HELD: u64 = 1 << 30;

/// Seconds that may be missing before anything is said: recorders of WebM stamp blocks with the clock. MP4 counts exactly.
const UNSAID: f64 = 0.25;
const UNSAID_EXACT: f64 = 0.02;

/// A file being read.
pub(super) struct Demux {
    reader: Box<dyn FormatReader>,
    track: u32,
    codec: Codec,
    /// Frames of audio in a tick of the track's clock.
    frames_per_tick: f64,
    /// Bytes of frames still to be left out at the start.
    skip: usize,
    /// Where the track ends by what the file says, in frames.
    until: Option<i64>,
    /// Frames behind that end are no part of it.
    exact: bool,
    /// Where the next packet belongs.
    next: Option<i64>,
    damage: Option<Damage>,
    ended: bool,
}

impl Demux {
    /// Reads up to the first block.
    ///
    /// # Errors
    /// There is none, or no audio that is understood.
    pub(super) fn webm(input: Input) -> Result<Self, ReadError> {
        let reader =
            Box::new(MkvReader::try_new(stream(ReadOnlySource::new(input)), Default::default()).map_err(failed)?);
        let other = Foreign::new("a WebM or Matroska file without audio that is read here", "webm");
        let mut demux = Self::new(reader, other)?;
        let info = demux.reader.media_info();
        // Of several tracks the video may be longer.
        if let (Some(duration), Some(time_base), [_]) = (info.duration, info.time_base, demux.reader.tracks()) {
            let seconds = duration.get() as f64 * seconds(time_base);
            demux.until = Some((seconds * f64::from(demux.codec.layout().sample_rate)).round() as i64);
        }
        Ok(demux)
    }

    /// Reads all of it.
    ///
    /// # Errors
    /// There is no index, or no audio that is understood.
    pub(super) fn mp4(input: Input) -> Result<Self, ReadError> {
        let mut bytes = Vec::new();
        input.take(MOST_HELD + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MOST_HELD {
            return Err(ReadError::Foreign(Foreign::new("an M4A or MP4 file of more than 1 GiB", "mp4")));
        }
        let edits = Edits::read(&bytes);
        // Forwards where that will do: what is cut off is then read as far as it goes.
        let source = if edits.index_first {
            stream(ReadOnlySource::new(Cursor::new(bytes)))
        } else {
            stream(Cursor::new(bytes))
        };
        let reader = Box::new(IsoMp4Reader::try_new(source, Default::default()).map_err(failed)?);
        let mut demux = Self::new(reader, Foreign::new("an M4A or MP4 file without audio that is read here", "m4a"))?;
        demux.exact = true;
        let track = demux.reader.tracks().iter().find(|track| track.id == demux.track);
        let ticks = track.and_then(|track| track.duration).map_or(0, |duration| duration.get());
        if ticks > 0 {
            demux.until = Some((ticks as f64 * demux.frames_per_tick).round() as i64);
        }
        if let Some(edit) = edits.of(demux.track) {
            let start = (edit.start as f64 * demux.frames_per_tick).round() as usize;
            demux.skip = start.saturating_mul(demux.codec.layout().frame_bytes());
            demux.until = edit.end(start as i64, demux.codec.layout().sample_rate, demux.until);
        }
        Ok(demux)
    }

    fn new(reader: Box<dyn FormatReader>, other: Foreign) -> Result<Self, ReadError> {
        let mut problem = ReadError::Foreign(other);
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
                        reader,
                        codec,
                        frames_per_tick: f64::from(layout.sample_rate) * seconds(time_base),
                        skip: usize::from(skip) * layout.frame_bytes(),
                        until: None,
                        exact: false,
                        next: None,
                        damage: None,
                        ended: false,
                    });
                }
                Err(ReadError::Unknown) => {}
                Err(error) => problem = error,
            }
        }
        Err(problem)
    }

    fn missing(&self, frames: i64) -> Option<Damage> {
        let seconds = frames as f64 / f64::from(self.layout().sample_rate);
        (seconds > if self.exact { UNSAID_EXACT } else { UNSAID }).then_some(Damage::Missing { seconds })
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

    fn step(&mut self, out: &mut Vec<u8>) -> Result<Got, ReadError> {
        if let Some(damage) = self.damage.take() {
            return Ok(Got::Damage(damage));
        }
        if self.ended {
            return Ok(Got::End);
        }
        let layout = self.layout();
        let packet = match self.reader.next_packet() {
            Ok(Some(packet)) if packet.track_id == self.track => packet,
            Ok(Some(_)) => return Ok(Got::Audio(layout)),
            Err(Error::IoError(error)) if error.kind() != ErrorKind::UnexpectedEof => return Err(error.into()),
            // Where sizes are unknown, the end is what the crate did not expect.
            Ok(None) | Err(Error::IoError(_)) => {
                self.ended = true;
                let missing = self.until.and_then(|until| self.missing(until.saturating_sub(self.next.unwrap_or(0))));
                return Ok(missing.map_or(Got::End, Got::Damage));
            }
            Err(error) => return Err(failed(error)),
        };
        let place = (packet.pts.get() as f64 * self.frames_per_tick).round() as i64;
        if self.next.is_none() && self.skip == 0 {
            // What a codec needs to begin stands before the beginning.
            self.skip = place.min(0).unsigned_abs() as usize * layout.frame_bytes();
        }
        self.damage = self.next.and_then(|next| self.missing(place.saturating_sub(next)));
        let got = self.codec.decode(&packet.data, out)?;
        let frames = out.len() / layout.frame_bytes();
        let said = (packet.dur.get() as f64 * self.frames_per_tick).round() as i64;
        self.next = Some(place.saturating_add(if frames > 0 { frames as i64 } else { said }));
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

fn failed(error: Error) -> ReadError {
    match error {
        Error::IoError(error) if error.kind() != ErrorKind::UnexpectedEof => ReadError::Io(error),
        Error::IoError(_) => ReadError::AllDamaged,
        error => ReadError::Decoder(error.to_string()),
    }
}
