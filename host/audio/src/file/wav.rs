//! WAV files, from a disk or a pipe, whole or broken off.
//!
//! Invariant: every sample that did arrive is heard, whatever the header says of how many there are. What the header promises
//! and the file does not hold is told, and so is what stands behind the samples and is no chunk. Recordings joined one behind
//! the other are heard one behind the other.

mod coding;
mod header;

pub(super) use header::begins;

use super::{
    container::{Container, Got},
    error::{Damage, ReadError},
    input::Input,
    layout::Layout,
};
use header::{Chunk, Header};

/// Bytes that tell a WAV file.
const BEGINNING: usize = 12;

/// So much of a second may be missing, or too much, before anything is said: sizes are often rounded.
const UNSAID: f64 = 0.02;

/// A WAV file being read.
pub(super) struct Wav {
    input: Input,
    header: Header,
    /// What the header left to say of what is still to come; `None`: up to the end.
    left: Option<u64>,
}

impl Wav {
    /// Reads the header. The file [`begins`] here.
    ///
    /// # Errors
    /// There are no samples in it, or samples that are not understood.
    pub(super) fn open(mut input: Input) -> Result<Self, ReadError> {
        let header = header::read(&mut input)?;
        Ok(Self { input, header, left: header.bytes })
    }

    /// Seconds of so many bytes.
    fn seconds(&self, bytes: u64) -> f64 {
        let Header { coding, .. } = self.header;
        bytes as f64 / (coding.frame_bytes() as f64 * f64::from(coding.layout().sample_rate))
    }

    /// Looks for more samples behind the last ones.
    fn behind(&mut self) -> Result<Got, ReadError> {
        let input = &mut self.input;
        header::pad(input);
        loop {
            if begins(input.peek(BEGINNING)) {
                match header::read(input) {
                    Ok(header) => (self.header, self.left) = (header, header.bytes),
                    Err(ReadError::Io(error)) => return Err(error.into()),
                    Err(_) => {
                        input.skip_all();
                        return Ok(Got::Damage(Damage::Recording));
                    }
                }
                return Ok(Got::Audio(self.layout()));
            }
            let chunk = Chunk::peek(input).filter(Chunk::plausible);
            let bytes = match chunk {
                Some(Chunk { id: [b'd', b'a', b't', b'a'], size }) => {
                    input.skip(8);
                    self.left = Some(size.into());
                    return Ok(Got::Audio(self.layout()));
                }
                Some(Chunk { size, .. }) => {
                    let whole = 8 + u64::from(size);
                    let skipped = input.skip(whole);
                    if skipped == whole {
                        header::pad(input);
                        continue;
                    }
                    // Tags are often cut off; only what is as long as speech can be some.
                    skipped
                }
                None => input.skip_all(),
            };
            self.input.end()?;
            let said = self.seconds(bytes) > UNSAID && !chunk.is_some_and(|chunk| tag(&chunk.id));
            return Ok(if said { Got::Damage(Damage::Unknown { bytes }) } else { Got::End });
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

    fn step(&mut self, out: &mut Vec<u8>) -> Result<Got, ReadError> {
        if self.left == Some(0) {
            return self.behind();
        }
        let Header { coding, .. } = self.header;
        let frame = coding.frame_bytes();
        let block = (frame * (coding.layout().sample_rate as usize / 10).clamp(1, 20_000)) as u64;
        let bytes = self.left.map_or(block, |left| left.min(block));
        let further = if self.left.is_none() { BEGINNING } else { 0 };
        let seen = self.input.peek(bytes as usize + further);
        // Where nobody said how many samples there are, another header ends them.
        if self.left.is_none()
            && let Some(place) = seen.windows(BEGINNING).position(begins)
        {
            coding.decode(&seen[..place - place % frame], out);
            self.input.skip(place as u64);
            self.left = Some(0);
            return Ok(Got::Audio(coding.layout()));
        }
        let seen = &seen[..seen.len().min(bytes as usize)];
        let (whole, ended) = (seen.len() - seen.len() % frame, (seen.len() as u64) < bytes);
        coding.decode(&seen[..whole], out);
        // What is left of a frame at the end belongs to none.
        self.input.skip(bytes);
        if !ended {
            self.left = self.left.map(|left| left - bytes);
        } else if whole == 0 {
            self.input.end()?;
            let missing = self.left.replace(0).map_or(0.0, |left| self.seconds(left));
            return Ok(if missing > UNSAID { Got::Damage(Damage::Missing { seconds: missing }) } else { Got::End });
        } else {
            self.left = self.left.map(|left| left - whole as u64);
        }
        Ok(Got::Audio(coding.layout()))
    }
}

/// Whether a chunk of this name holds words about the recording.
fn tag(id: &[u8; 4]) -> bool {
    id.starts_with(b"TAG") || matches!(id, b"LIST" | b"list" | b"id3 " | b"ID3 " | b"bext" | b"iXML" | b"_PMX")
}

#[cfg(test)]
mod tests;
