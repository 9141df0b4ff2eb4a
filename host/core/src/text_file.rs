//! Text files, read as people have them.
//!
//! Windows editors put a byte order mark at the start and end lines in CR LF; a file that was joined from several has
//! marks in the middle. Old Mac files end lines in CR. What is returned has no marks, and LF at the end of its lines.
//! PowerShell writes UTF-16, which is an error that says so. Threads: any; the calls block.

use std::{fs, io, path::Path};

const MARK: &[u8] = "\u{feff}".as_bytes();

/// Why a file is not text that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodingError {
    /// The file begins with the byte order mark of UTF-16.
    #[error("the file is UTF-16: save it as UTF-8")]
    Utf16,
    /// The bytes are not UTF-8 from here on.
    #[error("the file is not UTF-8 at byte {0}: save it as UTF-8")]
    NotUtf8(usize),
}

/// The text of a file.
///
/// # Errors
/// The file cannot be read, or [`EncodingError`] as the inner error.
pub fn read(file: &Path) -> io::Result<String> {
    let bytes = fs::read(file)?;
    refuse_utf16(&bytes)?;
    match str::from_utf8(&bytes) {
        Ok(_) => String::from_utf8(clean(&bytes)).map_err(io::Error::other),
        Err(problem) => Err(invalid(EncodingError::NotUtf8(problem.valid_up_to()))),
    }
}

/// The bytes of a text file that may have comments in any encoding, such as a PEM file.
///
/// # Errors
/// The file cannot be read, or [`EncodingError::Utf16`] as the inner error.
pub fn read_bytes(file: &Path) -> io::Result<Vec<u8>> {
    let bytes = fs::read(file)?;
    refuse_utf16(&bytes)?;
    Ok(clean(&bytes))
}

fn refuse_utf16(bytes: &[u8]) -> io::Result<()> {
    let is_utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    if is_utf16 { Err(invalid(EncodingError::Utf16)) } else { Ok(()) }
}

fn invalid(error: EncodingError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// Removes the marks at the start of lines, and ends each line in LF.
fn clean(bytes: &[u8]) -> Vec<u8> {
    let (mut clean, mut rest) = (Vec::with_capacity(bytes.len()), bytes);
    while !rest.is_empty() {
        rest = rest.strip_prefix(MARK).unwrap_or(rest);
        let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
        let (line, after) = rest.split_at(end.unwrap_or(rest.len()));
        clean.extend_from_slice(line);
        if end.is_some() {
            clean.push(b'\n');
        }
        rest = after.strip_prefix(b"\r\n").or_else(|| after.get(1..)).unwrap_or_default();
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_and_line_ends_of_all_systems_are_taken() {
        for (bytes, text) in [
            ("", ""),
            ("\u{feff}", ""),
            ("\u{feff}a\r\nb", "a\nb"),
            ("a\rb\r\r\nc\n", "a\nb\n\nc\n"),
            ("one\n\u{feff}two\u{feff}\n", "one\ntwo\u{feff}\n"),
        ] {
            assert_eq!(String::from_utf8(clean(bytes.as_bytes())).unwrap(), text, "{bytes:?}");
        }
    }

    #[test]
    fn other_encodings_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("text");
        let write = |bytes: &[u8]| fs::write(&file, bytes).unwrap();
        for bytes in [b"\xff\xfea\0", b"\xfe\xff\0a"] {
            write(bytes);
            assert_eq!(read(&file).unwrap_err().to_string(), "the file is UTF-16: save it as UTF-8");
            assert_eq!(read_bytes(&file).unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
        write(b"ab\xe9\r\n");
        assert_eq!(read(&file).unwrap_err().to_string(), "the file is not UTF-8 at byte 2: save it as UTF-8");
        assert_eq!(read_bytes(&file).unwrap(), b"ab\xe9\n");
        assert_eq!(read(&dir.path().join("absent")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
