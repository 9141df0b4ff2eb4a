//! WAV files, from a disk or a pipe, complete or cut off.
//!
//! Invariant: every sample in the file is returned, even if the sizes in the header are wrong. Samples that the header states but
//! the file does not hold are reported, and so are bytes after the samples that are not a chunk. Several recordings in one file
//! are read one after the other.

mod coding;
mod header;

pub(super) use header::begins;

use super::{
    container::{Container, Progress},
    error::{Damage, ReadError},
    input::Input,
    layout::Layout,
};
use header::{Chunk, Header};

/// Bytes that identify a WAV file.
const MAGIC: usize = 12;

/// Seconds that may be missing, or too many, without a report: sizes are often rounded.
const TOLERATED: f64 = 0.02;

/// Reads a WAV file.
pub(super) struct Wav {
    input: Input,
    header: Header,
    /// Bytes of samples left by the header; `None`: up to the end of the file.
    left: Option<u64>,
}

impl Wav {
    /// Reads the header. The file [`begins`] here.
    ///
    /// # Errors
    /// There are no samples, or their format is not supported.
    pub(super) fn open(mut input: Input) -> Result<Self, ReadError> {
        let header = header::read(&mut input)?;
        Ok(Self { input, header, left: header.bytes })
    }

    /// The length of so many bytes, in seconds.
    fn seconds(&self, bytes: u64) -> f64 {
        let Header { coding, .. } = self.header;
        bytes as f64 / (coding.frame_bytes() as f64 * f64::from(coding.layout().sample_rate))
    }

    /// Looks for more samples after the last ones.
    fn next_samples(&mut self) -> Result<Progress, ReadError> {
        let input = &mut self.input;
        header::pad(input);
        loop {
            if begins(input.peek(MAGIC)) {
                match header::read(input) {
                    Ok(header) => (self.header, self.left) = (header, header.bytes),
                    Err(ReadError::Io(error)) => return Err(error.into()),
                    Err(_) => {
                        input.skip_all();
                        return Ok(Progress::Damage(Damage::Recording));
                    }
                }
                return Ok(Progress::Audio(self.layout()));
            }
            let chunk = Chunk::peek(input).filter(Chunk::plausible);
            let bytes = match chunk {
                Some(Chunk { id: [b'd', b'a', b't', b'a'], size }) => {
                    input.skip(8);
                    self.left = Some(size.into());
                    return Ok(Progress::Audio(self.layout()));
                }
                Some(Chunk { size, .. }) => {
                    let length = 8 + u64::from(size);
                    let skipped = input.skip(length);
                    if skipped == length {
                        header::pad(input);
                        continue;
                    }
                    // Tags are often cut off. Other bytes are reported if they are as long as speech.
                    skipped
                }
                None => input.skip_all(),
            };
            self.input.end()?;
            let reported = self.seconds(bytes) > TOLERATED && !chunk.is_some_and(|chunk| is_tag(&chunk.id));
            return Ok(if reported { Progress::Damage(Damage::Unknown { bytes }) } else { Progress::End });
        }
    }
}

impl Container for Wav {
    fn layout(&self) -> Layout {
        self.header.coding.layout()
    }

    fn frames(&self, length: Option<u64>) -> Option<u64> {
        let bytes = match (self.header.bytes, length) {
            (Some(bytes), Some(length)) => Some(bytes.min(length)),
            (bytes, length) => bytes.or(length),
        };
        bytes.map(|bytes| bytes / self.header.coding.frame_bytes() as u64)
    }

    fn step(&mut self, out: &mut Vec<u8>) -> Result<Progress, ReadError> {
        if self.left == Some(0) {
            return self.next_samples();
        }
        let Header { coding, .. } = self.header;
        let frame = coding.frame_bytes();
        let block = (frame * (coding.layout().sample_rate as usize / 10).clamp(1, 20_000)) as u64;
        let bytes = self.left.map_or(block, |left| left.min(block));
        let lookahead = if self.left.is_none() { MAGIC } else { 0 };
        let seen = self.input.peek(bytes as usize + lookahead);
        // If the number of samples is unknown, they end at another header.
        if self.left.is_none()
            && let Some(place) = seen.windows(MAGIC).position(begins)
        {
            coding.decode(&seen[..place - place % frame], out);
            self.input.skip(place as u64);
            self.left = Some(0);
            return Ok(Progress::Audio(coding.layout()));
        }
        let seen = &seen[..seen.len().min(bytes as usize)];
        let (complete, ended) = (seen.len() - seen.len() % frame, (seen.len() as u64) < bytes);
        coding.decode(&seen[..complete], out);
        // An incomplete frame at the end is dropped.
        self.input.skip(bytes);
        if !ended {
            self.left = self.left.map(|left| left - bytes);
        } else if complete == 0 {
            self.input.end()?;
            let missing = self.left.replace(0).map_or(0.0, |left| self.seconds(left));
            return Ok(if missing > TOLERATED {
                Progress::Damage(Damage::Missing { seconds: missing })
            } else {
                Progress::End
            });
        } else {
            self.left = self.left.map(|left| left - complete as u64);
        }
        Ok(Progress::Audio(coding.layout()))
    }
}

/// Whether a chunk of this name is a tag.
fn is_tag(id: &[u8; 4]) -> bool {
    id.starts_with(b"TAG") || matches!(id, b"LIST" | b"list" | b"id3 " | b"ID3 " | b"bext" | b"iXML" | b"_PMX")
}

#[cfg(test)]
mod tests;
