//! The audible part of an MP4 track: without the samples that the encoder added before and after the recording.
//!
//! It is stated by an edit list (`elst`), or in files of Apple's encoders by a tag that counts samples (`iTunSMPB`).

/// The edits of the tracks of a file.
#[derive(Debug, Default)]
pub(super) struct Edits {
    /// Whether the index (`moov`) precedes the audio.
    pub(super) index_first: bool,
    /// Whether there are several indexes: several recordings.
    pub(super) joined: bool,
    tracks: Vec<(u32, Edit)>,
}

/// The audible part of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edit {
    /// Its start, in ticks of the track.
    pub(super) start: u64,
    length: Option<Length>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    /// In ticks of the movie, and the number of ticks per second.
    Ticks(u64, u32),
    Frames(u64),
}

impl Edit {
    /// Its end in frames, at most `until`, the end of the track.
    pub(super) fn end(self, start: i64, rate: u32, until: Option<i64>) -> Option<i64> {
        let end = match self.length {
            None => return until,
            Some(Length::Frames(frames)) => start.saturating_add_unsigned(frames),
            Some(Length::Ticks(ticks, per_second)) => {
                let tick = f64::from(rate) / f64::from(per_second);
                let end = start.saturating_add((ticks as f64 * tick).round() as i64);
                // The time scale of the movie may be coarse.
                let rounded = until.filter(|until| (until.saturating_sub(end)) as f64 <= tick.max(1.0));
                return rounded.or(Some(end));
            }
        };
        Some(until.map_or(end, |until| until.min(end)))
    }
}

impl Edits {
    /// Reads the edits of a file; of a damaged one, as far as they are valid.
    pub(super) fn read(file: &[u8]) -> Self {
        let mut edits = Self::default();
        let first = boxes(file).find(|(name, _)| matches!(name, b"moov" | b"moof" | b"mdat"));
        edits.index_first = first.is_some_and(|(name, _)| name == *b"moov");
        edits.joined = boxes(file).filter(|(name, _)| name == b"moov").count() > 1;
        let Some(movie) = boxes(file).find_map(|(name, body)| (name == *b"moov").then_some(body)) else { return edits };
        let header = inside(movie, &[*b"mvhd"]).unwrap_or_default();
        let per_second = number(header, if header.first() == Some(&1) { 20 } else { 12 }).filter(|ticks| *ticks > 0);
        let gapless = gapless(movie);
        for (_, track) in boxes(movie).filter(|(name, _)| name == b"trak") {
            let header = inside(track, &[*b"tkhd"]).unwrap_or_default();
            let id = number(header, if header.first() == Some(&1) { 20 } else { 12 });
            let edit = gapless.or_else(|| listed(inside(track, &[*b"edts", *b"elst"])?, per_second));
            edits.tracks.extend(id.zip(edit));
        }
        edits
    }

    /// The edit of a track.
    pub(super) fn get(&self, track: u32) -> Option<Edit> {
        self.tracks.iter().find(|(id, _)| *id == track).map(|(_, edit)| *edit)
    }
}

/// Consecutive boxes: their names and contents.
fn boxes(mut bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let name = *bytes.get(4..)?.first_chunk()?;
        let (header, size) = match number(bytes, 0)? {
            0 => (8, bytes.len()),
            1 => (16, usize::try_from(long(bytes, 8)?).ok()?),
            size => (8, size as usize),
        };
        let size = size.min(bytes.len());
        let body = bytes.get(header..size)?;
        bytes = &bytes[size..];
        Some((name, body))
    })
}

/// The content of a nested box.
fn inside<'a>(bytes: &'a [u8], path: &[[u8; 4]]) -> Option<&'a [u8]> {
    path.iter().try_fold(bytes, |bytes, wanted| boxes(bytes).find_map(|(name, body)| (name == *wanted).then_some(body)))
}

/// Parses an edit list. If it has several parts, only the start of the first is used.
fn listed(list: &[u8], per_second: Option<u32>) -> Option<Edit> {
    let count = number(list, 4)? as usize;
    let long_entries = list.first() == Some(&1);
    let entries = list.get(8..)?.chunks_exact(if long_entries { 20 } else { 12 }).take(count);
    let mut parts = entries.filter_map(|entry| {
        let (ticks, start) = if long_entries {
            (long(entry, 0)?, long(entry, 8)?.cast_signed())
        } else {
            (number(entry, 0)?.into(), number(entry, 4)?.cast_signed().into())
        };
        // Entries with a negative start are pauses.
        u64::try_from(start).ok().map(|start| (ticks, start))
    });
    let (ticks, start) = parts.next()?;
    let length =
        per_second.filter(|_| ticks > 0 && parts.next().is_none()).map(|per_second| Length::Ticks(ticks, per_second));
    Some(Edit { start, length })
}

/// Parses the tag `iTunSMPB`. Its hexadecimal numbers are: unused, frames before, frames after, frames of the recording.
fn gapless(movie: &[u8]) -> Option<Edit> {
    let metadata = inside(movie, &[*b"udta", *b"meta"])?.get(4..)?;
    let (_, tag) = boxes(inside(metadata, &[*b"ilst"])?).find(|(name, tag)| {
        name == b"----" && inside(tag, &[*b"name"]).is_some_and(|name| name.ends_with(b"iTunSMPB"))
    })?;
    let text = std::str::from_utf8(inside(tag, &[*b"data"])?.get(8..)?).ok()?;
    let mut numbers = text.split_ascii_whitespace().map(|number| u64::from_str_radix(number, 16).ok());
    let (start, frames) = (numbers.nth(1)??, numbers.nth(1)??);
    Some(Edit { start, length: Some(Length::Frames(frames)).filter(|_| frames > 0) })
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}
