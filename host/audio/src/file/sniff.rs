//! Recognizes the kind of a file by its first bytes.

use super::{error::ReadError, flac::Flac, input::Input, mpeg::Mpeg, ogg::Ogg, tags, unsupported::Unsupported, wav};

/// A kind of file that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Wav,
    Flac,
    Ogg,
    Mpeg,
    Webm,
    Mp4,
}

/// Recognizes a file, and skips the bytes before its audio container.
///
/// # Errors
/// The file is of no readable kind, or reading it failed.
pub(super) fn kind(input: &mut Input) -> Result<Kind, ReadError> {
    // A tag with a picture is longer than the part that is searched.
    tags::skip(input);
    let start = input.peek(64);
    if wav::begins(start) {
        return Ok(Kind::Wav);
    }
    if Flac::begins(start) {
        return Ok(Kind::Flac);
    }
    if Ogg::begins(start) {
        return Ok(Kind::Ogg);
    }
    if start.starts_with(&[0x1a, 0x45, 0xdf, 0xa3]) {
        return Ok(Kind::Webm);
    }
    if matches!(start.get(4..8), Some(b"ftyp" | b"moov" | b"mdat")) {
        return Ok(Kind::Mp4);
    }
    // Unsupported formats may begin alike, but have other packets after the first.
    if start.first() == Some(&0xff) && Mpeg::begins(input) == Some(0) {
        return Ok(Kind::Mpeg);
    }
    let start = input.peek(64);
    if let Some(kind) = Unsupported::identify(start) {
        return Err(ReadError::Unsupported(kind));
    }
    if let Some(error) = not_audio(start) {
        return Err(error);
    }
    if let Some(place) = Mpeg::begins(input) {
        input.skip(place);
        return Ok(Kind::Mpeg);
    }
    input.end()?;
    Err(if input.peek(1).is_empty() { ReadError::NoAudio } else { ReadError::Unrecognized })
}

/// Recognizes files that users give by mistake instead of audio.
fn not_audio(start: &[u8]) -> Option<ReadError> {
    Some(match start {
        _ if start.starts_with(b"version https://git-lfs.github.com/spec/") => ReadError::LfsPointer,
        _ if start.trim_ascii_start().to_ascii_lowercase().starts_with(b"<!doctype html") => {
            ReadError::NotAudio("a web page")
        }
        _ if start.trim_ascii_start().to_ascii_lowercase().starts_with(b"<html") => ReadError::NotAudio("a web page"),
        [b'P', b'K', 3, 4, ..] => ReadError::NotAudio("a ZIP archive"),
        [0x1f, 0x8b, 8, ..] => ReadError::NotAudio("a gzip archive"),
        [0, 5, 0x16, 7, ..] => ReadError::NotAudio("a macOS metadata file (AppleDouble, usually named `._NAME`)"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn message(bytes: &[u8]) -> String {
        kind(&mut Input::new(Cursor::new(bytes.to_vec()))).unwrap_err().to_string()
    }

    #[test]
    fn a_kind_that_is_known_and_not_read_is_named_with_what_converts_it() {
        for (start, name, extension) in [
            // The profile Main.
            (b"\xff\xf1\x10\x80\x2e\x7f\xfc".as_slice(), "AAC", "aac"),
            (b"ADIF\0\0\0\0", "AAC", "aac"),
            (b"\xff\xfd\x84\x04\0\0", "MP2", "mp2"),
            (b"\x0b\x77\0\0\0\0", "AC-3", "ac3"),
            (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "Windows Media", "wma"),
            (b"FORM\0\0\0\0AIFFCOMM", "AIFF", "aiff"),
            (b".snd\0\0\0\x18", "AU", "au"),
            (b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb", "Wave64", "w64"),
            (b"caff\0\x01\0\0", "CAF", "caf"),
            (b"#!AMR\n<", "AMR", "amr"),
        ] {
            let convert = format!("convert it first: `ffmpeg -i in.{extension} -ar 16000 -ac 1 out.wav`");
            let tagged = [b"ID3\x04\0\0\0\0\0\x04abcd", start].concat();
            for message in [message(start), message(&tagged)] {
                assert!(message.contains(name) && message.ends_with(&convert), "{message}");
            }
        }
    }

    #[test]
    fn what_is_no_audio_is_named() {
        assert!(message(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n").contains("`git lfs pull`"));
        for (start, name) in [
            (b"<!DOCTYPE html><html>".as_slice(), "a web page"),
            (b"\n<HTML>", "a web page"),
            (b"PK\x03\x04\x14\0", "a ZIP archive"),
            (b"\0\x05\x16\x07\0\x02\0\0Mac OS X", "AppleDouble"),
            (b"", "no audio"),
            (b"a text", "not a recognized audio file"),
        ] {
            assert!(message(start).contains(name), "{}", message(start));
        }
    }
}
