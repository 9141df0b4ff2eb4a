//! The header of a WAV file whose samples can be sent as they are.
//!
//! Read here and not by the decoder for what pipes and broken-off recordings need: the length in the header may be wrong
//! (zero, the largest number, more than there is), and every sample that did arrive is still heard.

use auricle_core::{AudioFormat, Encoding};
use std::io::{self, Read};

/// Largest chunk before the samples that is kept so that a decoder can start over.
const LIMIT: u32 = 1 << 20;

/// More than any recording has.
const MOST_CHANNELS: u16 = 1_024;

/// What the first bytes are.
#[derive(Debug, PartialEq)]
pub(super) enum Header {
    /// Samples follow.
    Plain {
        /// How they are written.
        format: AudioFormat,
        /// How many bytes of them; `None`: up to the end.
        bytes: Option<u64>,
    },
    /// Something else; these bytes have been read of it.
    Other {
        /// From the start.
        seen: Vec<u8>,
        /// Whether it is a WAV file all the same, of a kind that has to be decoded.
        wav: bool,
    },
}

/// Reads up to the first sample, or as far as it takes to see that this is something else.
///
/// # Errors
/// The input failed, or ended between the header and the samples.
pub(super) fn read_header(reader: &mut impl Read) -> io::Result<Header> {
    let mut seen = Vec::new();
    let other = |seen, wav| Ok(Header::Other { seen, wav });
    let format = loop {
        // The file's own header first, then one chunk's header after the other.
        let start = seen.len();
        let header = if start == 0 { 12 } else { 8 };
        if !extend(reader, &mut seen, header)? {
            return other(seen, start > 0);
        }
        let chunk = &seen[start..];
        if start == 0 {
            let riff = matches!(&chunk[..4], b"RIFF" | b"RF64") && &chunk[8..] == b"WAVE";
            if !riff {
                return other(seen, false);
            }
            continue;
        }
        let (is_format, is_data, length) = (chunk.starts_with(b"fmt "), chunk.starts_with(b"data"), length(chunk));
        if is_data || length > LIMIT || !extend(reader, &mut seen, padded(length))? {
            return other(seen, true);
        }
        if is_format {
            let chunk = &seen[start + 8..];
            let channels = chunk.get(2..4).map_or(0, |bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
            if channels > MOST_CHANNELS {
                // The decoder would multiply it beyond its number.
                return Err(io::Error::other(format!(
                    "a WAV file of {channels} channels; {MOST_CHANNELS} can be read"
                )));
            }
            match plain(chunk) {
                Some(format) => break format,
                None => return other(seen, true),
            }
        }
    };
    loop {
        let mut chunk = [0; 8];
        reader.read_exact(&mut chunk).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => io::Error::other("a WAV file that ends before its samples"),
            _ => error,
        })?;
        let length = length(&chunk);
        if chunk.starts_with(b"data") {
            let bytes = (length != 0 && length != u32::MAX).then_some(u64::from(length));
            return Ok(Header::Plain { format, bytes });
        }
        io::copy(&mut reader.take(padded(length)), &mut io::sink())?;
    }
}

/// The format in a `fmt ` chunk, if the server understands it as it is.
fn plain(chunk: &[u8]) -> Option<AudioFormat> {
    let short = |at: usize| chunk.get(at..at + 2).map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
    let sample_rate = chunk.get(4..8).map(|bytes| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))?;
    let (channels, frame, bits) = (short(2)?, short(12)?, short(14)?);
    // 0xfffe: the tag is in the extension.
    let tag = short(0).map(|tag| if tag == 0xfffe { short(24) } else { Some(tag) })??;
    let encoding = match (tag, bits) {
        (1, 16) => Encoding::S16le,
        (3, 32) => Encoding::F32le,
        (6, 8) => Encoding::Alaw,
        (7, 8) => Encoding::Mulaw,
        _ => return None,
    };
    let format = AudioFormat { encoding, sample_rate, channels, channel: None };
    (usize::from(frame) == format.frame_bytes()).then_some(format)
}

fn length(chunk: &[u8]) -> u32 {
    chunk.get(4..8).map_or(0, |bytes| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

/// A chunk of odd length is followed by one byte more.
fn padded(length: u32) -> u64 {
    u64::from(length) + u64::from(length % 2)
}

/// Appends `bytes` more bytes; false where there are not so many.
fn extend(reader: &mut impl Read, seen: &mut Vec<u8>, bytes: u64) -> io::Result<bool> {
    Ok(reader.take(bytes).read_to_end(seen)? as u64 == bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A `fmt ` chunk of the given tag and bits.
    fn fmt(tag: u16, bits: u16, rate: u32, channels: u16) -> Vec<u8> {
        let frame = channels * bits / 8;
        let mut chunk = b"fmt \x10\0\0\0".to_vec();
        chunk.extend(tag.to_le_bytes());
        chunk.extend(channels.to_le_bytes());
        chunk.extend(rate.to_le_bytes());
        chunk.extend((rate * u32::from(frame)).to_le_bytes());
        chunk.extend(frame.to_le_bytes());
        chunk.extend(bits.to_le_bytes());
        chunk
    }

    fn header(chunks: &[&[u8]]) -> io::Result<(Header, usize)> {
        let file = [b"RIFF\0\0\0\0WAVE".as_slice(), &chunks.concat()].concat();
        let mut reader = file.as_slice();
        let header = read_header(&mut reader)?;
        Ok((header, reader.len()))
    }

    #[test]
    fn more_channels_than_any_recording_has_are_refused() {
        let mut fmt = fmt(1, 16, 16_000, 2);
        fmt[10..12].copy_from_slice(&0xff01u16.to_le_bytes());
        let problem = header(&[&fmt, b"data\x08\0\0\0"]).unwrap_err().to_string();
        assert!(problem.contains("65281 channels"), "{problem}");
    }

    #[test]
    fn samples_the_server_understands_are_plain() {
        for (tag, bits, encoding) in
            [(1, 16, Encoding::S16le), (3, 32, Encoding::F32le), (6, 8, Encoding::Alaw), (7, 8, Encoding::Mulaw)]
        {
            let fmt = fmt(tag, bits, 22_050, 2);
            let (found, left) =
                header(&[b"JUNK\x03\0\0\0abc\0", &fmt, b"LIST\x02\0\0\0xy", b"data\x08\0\0\0", &[0; 8]]).unwrap();
            let format = AudioFormat { encoding, sample_rate: 22_050, channels: 2, channel: None };
            assert_eq!(found, Header::Plain { format, bytes: Some(8) });
            assert_eq!(left, 8);
        }
    }

    #[test]
    fn a_length_that_nobody_filled_in_means_up_to_the_end() {
        for length in [[0; 4], [0xff; 4]] {
            let (found, _) = header(&[&fmt(1, 16, 16_000, 1), b"data", &length]).unwrap();
            assert!(matches!(found, Header::Plain { bytes: None, .. }));
        }
    }

    #[test]
    fn everything_else_is_handed_on_from_the_start() {
        let fmt = fmt(1, 24, 48_000, 1);
        let (found, left) = header(&[&fmt, b"data\x03\0\0\0abc"]).unwrap();
        let seen = [b"RIFF\0\0\0\0WAVE".as_slice(), &fmt].concat();
        assert_eq!(found, Header::Other { seen, wav: true });
        assert_eq!(left, 11);
        for text in [b"".as_slice(), b"fLaC", b"a text that is no audio"] {
            let seen = text[..text.len().min(12)].to_vec();
            assert_eq!(read_header(&mut { text }).unwrap(), Header::Other { seen, wav: false });
        }
    }

    #[test]
    fn a_file_without_samples_is_an_error() {
        let error = header(&[&fmt(1, 16, 16_000, 1), b"LIST"]).unwrap_err();
        assert_eq!(error.to_string(), "a WAV file that ends before its samples");
    }
}
