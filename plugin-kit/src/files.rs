//! Reads the files of a model, as they occur in practice.
//!
//! A text file may begin with a byte order mark (Windows editors write one) and have CR LF line ends. A folder copied
//! from a Mac may contain `._NAME` beside `NAME`. A repository cloned without Git LFS contains small pointer files
//! instead of the networks. Source of the pointer's format: the Git LFS specification, version 1.

use auricle_plugin_api::Error;
use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

/// Reads the bytes of a file.
///
/// # Errors
/// The file cannot be read, or is a Git LFS pointer. The message begins with the path.
pub fn read(file: &Path) -> Result<Vec<u8>, Error> {
    let bytes = fs::read(file).map_err(|problem| named(file, problem))?;
    refuse_pointer(file, &bytes)?;
    Ok(bytes)
}

/// Reads the text of a file, without its byte order mark. Line ends are unchanged: [`str::lines`] supports both kinds.
///
/// # Errors
/// Like [`read`]; also if the file is not UTF-8.
pub fn read_text(file: &Path) -> Result<String, Error> {
    let bytes = read(file)?;
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(named(file, "is UTF-16: save it as UTF-8"));
    }
    let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
    match str::from_utf8(text) {
        Ok(text) => Ok(text.to_owned()),
        Err(problem) => Err(named(file, format!("is not UTF-8 at byte {}: save it as UTF-8", problem.valid_up_to()))),
    }
}

/// Checks that a file exists and is not a Git LFS pointer, for files that a library reads.
///
/// # Errors
/// Like [`read`].
pub fn check(file: &Path) -> Result<(), Error> {
    let start = || -> io::Result<Vec<u8>> {
        let mut start = Vec::new();
        File::open(file)?.take(LFS_POINTER.len() as u64).read_to_end(&mut start)?;
        Ok(start)
    };
    refuse_pointer(file, &start().map_err(|problem| named(file, problem))?)
}

/// Whether a file's name begins with a dot, like those that macOS and editors create. Such files are not part of a
/// model.
pub fn is_hidden(name: &str) -> bool {
    name.starts_with('.')
}

fn refuse_pointer(file: &Path, bytes: &[u8]) -> Result<(), Error> {
    if bytes.starts_with(LFS_POINTER) {
        return Err(named(
            file,
            "is a Git LFS pointer, not the file itself: run `git lfs pull` where it was cloned, or download the file",
        ));
    }
    Ok(())
}

fn named(file: &Path, problem: impl std::fmt::Display) -> Error {
    Error::model(format!("{}: {problem}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_and_pointers_are_seen() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens.txt");
        let text = |bytes: &[u8]| {
            fs::write(&file, bytes).unwrap();
            read_text(&file).map_err(|error| error.message.split_once(": ").unwrap().1.to_owned())
        };
        assert_eq!(text(b"\xef\xbb\xbfa 0\r\nb 1\r\n"), Ok("a 0\r\nb 1\r\n".to_owned()));
        assert_eq!(text(b""), Ok(String::new()));
        assert_eq!(text(b"\xff\xfea\0"), Err("is UTF-16: save it as UTF-8".to_owned()));
        assert_eq!(text(b"ab\xffc"), Err("is not UTF-8 at byte 2: save it as UTF-8".to_owned()));
        let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n";
        assert!(text(pointer).unwrap_err().starts_with("is a Git LFS pointer"));
        assert!(check(&file).unwrap_err().message.contains("git lfs pull"));
        fs::write(&file, b"version").unwrap();
        check(&file).unwrap();
        assert!(check(&folder.path().join("absent")).unwrap_err().message.contains("absent: "));
    }
}
