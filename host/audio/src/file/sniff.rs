//! What a file is, by how it begins.

use super::{error::ReadError, flac::Flac, foreign::Foreign, input::Input, mpeg::Mpeg, ogg::Ogg, tags, wav};

/// A kind of file that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Wav,
    Flac,
    Ogg,
    Mpeg,
}

/// Finds out, and goes to where it begins.
///
/// # Errors
/// It is none of those.
pub(super) fn kind(input: &mut Input) -> Result<Kind, ReadError> {
    if wav::begins(input.peek(12)) {
        return Ok(Kind::Wav);
    }
    if let Some(foreign) = Foreign::of(input.peek(64)) {
        return Err(ReadError::Foreign(foreign));
    }
    if input.peek(64).starts_with(b"version https://git-lfs.github.com/spec/") {
        return Err(ReadError::LfsPointer);
    }
    // Before a recording, often with a picture: longer than what is searched.
    tags::pass(input);
    let start = input.peek(64);
    if Flac::begins(start) {
        return Ok(Kind::Flac);
    }
    if Ogg::begins(start) {
        return Ok(Kind::Ogg);
    }
    if let Some(foreign) = Foreign::of(start) {
        return Err(ReadError::Foreign(foreign));
    }
    if let Some(place) = Mpeg::begins(input) {
        input.skip(place);
        return Ok(Kind::Mpeg);
    }
    input.end()?;
    Err(if input.peek(1).is_empty() { ReadError::Silent } else { ReadError::Unknown })
}
