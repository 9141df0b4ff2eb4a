//! The header of a WAV file: everything before its samples.
//!
//! It accepts the files of recorders, pipes and editors: the size of the whole file is ignored, the size of the samples may be
//! missing, and if a chunk's size is wrong, the next chunk is searched.

use super::{
    super::{error::ReadError, input::Input},
    coding::Coding,
};

/// Sizes that mean an unknown size, from programs that write into a pipe (`sox`, `arecord`, `ffmpeg`).
const UNKNOWN: [std::ops::RangeInclusive<u64>; 2] = [0x7fff_0000..=0x8000_0000, 0xffff_0000..=0xffff_ffff];

/// Usual names of chunks.
const KNOWN: [&[u8; 4]; 12] =
    [b"data", b"fmt ", b"LIST", b"fact", b"RIFF", b"RF64", b"BW64", b"bext", b"JUNK", b"id3 ", b"cue ", b"iXML"];

/// Bytes that are searched for the next chunk if a size is wrong.
const SEARCHED: usize = 64 * 1024;

/// The format of the samples, and their number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Header {
    /// How the samples are coded.
    pub(super) coding: Coding,
    /// Bytes of samples; `None`: up to the end of the file.
    pub(super) bytes: Option<u64>,
}

/// The first 8 bytes of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) id: [u8; 4],
    pub(super) size: u32,
}

impl Chunk {
    /// The header of the next chunk, if there are enough bytes.
    pub(super) fn peek(input: &mut Input) -> Option<Self> {
        let bytes: &[u8; 8] = input.peek(8).try_into().ok()?;
        let [id @ .., a, b, c, d] = *bytes;
        Some(Self { id, size: u32::from_le_bytes([a, b, c, d]) })
    }

    /// Whether this can be a chunk's header.
    pub(super) fn plausible(&self) -> bool {
        printable(&self.id)
    }
}

/// Whether a chunk can have this name.
fn printable(id: &[u8]) -> bool {
    id.iter().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Whether a WAV file begins here.
pub(in super::super) fn begins(start: &[u8]) -> bool {
    matches!(start.get(..4), Some(b"RIFF" | b"RF64" | b"BW64")) && start.get(8..12) == Some(b"WAVE")
}

/// Reads up to the first sample. The file [`begins`] here.
///
/// # Errors
/// There are no samples, or their format is not supported.
pub(super) fn read(input: &mut Input) -> Result<Header, ReadError> {
    input.skip(12);
    let (mut coding, mut long) = (None, None);
    loop {
        let Some(Chunk { id, size }) = Chunk::peek(input) else {
            input.end()?;
            return Err(ReadError::NoSamples);
        };
        match (&id, coding) {
            (b"data", Some(coding)) => {
                input.skip(8);
                return Ok(Header { coding, bytes: samples(input, size, long) });
            }
            (b"data", None) => return Err(ReadError::NoSamples),
            (b"fmt ", _) => coding = Some(Coding::read(body(input, size, 40))?),
            (b"ds64", _) => {
                long = body(input, size, 16).get(8..16).and_then(|size| size.try_into().ok()).map(u64::from_le_bytes)
            }
            _ => {}
        }
        skip(input, size, if coding.is_some() { b"data" } else { b"fmt " })?;
    }
}

/// The first bytes of the next chunk's content.
fn body(input: &mut Input, size: u32, most: usize) -> &[u8] {
    &input.peek(8 + most.min(size as usize))[8..]
}

/// Skips a chunk. If no chunk follows it, skips to the next one named `wanted`.
///
/// # Errors
/// There is none within the searched bytes. Each search is limited, so that a file cannot cause endless searches.
fn skip(input: &mut Input, size: u32, wanted: &[u8; 4]) -> Result<(), ReadError> {
    let length = 8 + u64::from(size);
    if length <= SEARCHED as u64 && gap(input.peek(length as usize + 5), length as usize).is_none() {
        let place = input.peek(SEARCHED).windows(4).skip(8).position(|bytes| bytes == wanted);
        input.skip(8 + place.ok_or(ReadError::NoSamples)? as u64);
    } else {
        input.skip(length);
        pad(input);
    }
    Ok(())
}

/// Skips the padding byte after a chunk of odd size. Some programs omit it, others write it after an even size.
pub(super) fn pad(input: &mut Input) {
    let gap = gap(input.peek(5), 0);
    input.skip(gap.unwrap_or(0));
}

/// The number of bytes between a place and the next chunk, 0 or 1; `None` if no chunk begins there.
fn gap(seen: &[u8], place: usize) -> Option<u64> {
    let name = |gap: usize| seen.get(place + gap..place + gap + 4);
    let known = |gap: &usize| name(*gap).is_some_and(|id| KNOWN.iter().any(|known| id == *known));
    let gap =
        [0, 1].into_iter().find(known).or_else(|| [0, 1].into_iter().find(|gap| name(*gap).is_some_and(printable)));
    gap.map(|gap| gap as u64)
}

/// The size of the samples; `None` if it is unknown.
fn samples(input: &mut Input, size: u32, long: Option<u64>) -> Option<u64> {
    let size = match (size, long) {
        (0 | u32::MAX, Some(long)) => long,
        (size, _) => u64::from(size),
    };
    match size {
        // 0 means unknown if a recorder crashed, because no chunk follows then.
        0 => matches!(input.peek(4), b"LIST" | b"id3 " | b"RIFF").then_some(0),
        u64::MAX => None,
        size => (!UNKNOWN.iter().any(|unknown| unknown.contains(&size))).then_some(size),
    }
}
