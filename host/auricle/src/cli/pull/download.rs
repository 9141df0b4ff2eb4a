//! Downloads one file of a repository.
//!
//! Invariant: a file has its own name only when it is complete and matches the size and hash in the hub's list. Until
//! then it is `NAME.part`, and a retry continues at its end.

use super::{
    hub::{Failure, RemoteFile, Snapshot},
    progress::Progress,
};
use sha2::{Digest, Sha256};
use std::{
    fmt::Write as _,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

/// Number of reconnections after a connection is lost, as long as each connection brings data.
const MORE_TRIES: usize = 4;
const PIECE: usize = 1 << 16;

/// Downloads the missing part of the file to its path below `folder`.
pub(super) fn fetch(snapshot: &Snapshot<'_>, file: &RemoteFile, folder: &Path) -> Result<(), Failure> {
    let whole = folder.join(&file.name);
    let part = PathBuf::from(format!("{}.part", whole.display()));
    if let Some(size) = length(&whole) {
        Progress::begin(&file.name, size, size).done();
        return Ok(());
    }
    if let Some(folder) = whole.parent() {
        fs::create_dir_all(folder).map_err(local(folder))?;
    }
    let mut progress = None;
    let mut tries = MORE_TRIES;
    loop {
        let before = length(&part).unwrap_or(0);
        match go_on(snapshot, file, &part, &mut progress) {
            Ok(()) => break,
            Err(Failure::Unreachable(_)) if tries > 0 && length(&part).unwrap_or(0) > before => tries -= 1,
            Err(failure) => return Err(failure),
        }
    }
    if let Some(expected) = &file.sha256 {
        let found = sha256(&part).map_err(local(&part))?;
        if found != *expected {
            fs::remove_file(&part).map_err(local(&part))?;
            return Err(Failure::Refused(format!(
                "{}: the downloaded file has SHA-256 {found}, the hub lists {expected}: run the same command again",
                file.name
            )));
        }
    }
    fs::rename(&part, &whole).map_err(local(&whole))?;
    if let Some(progress) = progress {
        progress.done();
    }
    Ok(())
}

/// Appends the missing bytes to the partial file, over one connection.
fn go_on(
    snapshot: &Snapshot<'_>,
    file: &RemoteFile,
    part: &Path,
    progress: &mut Option<Progress>,
) -> Result<(), Failure> {
    let have = length(part).unwrap_or(0);
    if have > 0 && file.size == Some(have) {
        progress.get_or_insert_with(|| Progress::begin(&file.name, have, have));
        return Ok(());
    }
    // A partial file that is too long belongs to something else.
    let from = if file.size.is_some_and(|size| have > size) { 0 } else { have };
    let mut rest = snapshot.open(&file.name, from)?;
    if let Some(size) = file.size.filter(|size| *size != rest.size) {
        let sent = rest.size;
        return Err(Failure::Refused(format!(
            "{}: the hub lists {size} bytes, but its server sends {sent}",
            file.name
        )));
    }
    let mut to = OpenOptions::new().create(true).append(true).open(part).map_err(local(part))?;
    to.set_len(rest.start).map_err(local(part))?;
    let progress = progress.get_or_insert_with(|| Progress::begin(&file.name, rest.size, rest.start));
    let mut at = rest.start;
    let mut piece = vec![0; PIECE];
    while at < rest.size {
        let room = piece.len().min(usize::try_from(rest.size - at).unwrap_or(usize::MAX));
        let count = match rest.bytes.read(&mut piece[..room]) {
            Ok(0) => return Err(broken_off(file, at, rest.size, "the server closed the connection")),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(broken_off(file, at, rest.size, &error.to_string())),
        };
        to.write_all(&piece[..count]).map_err(local(part))?;
        at += count as u64;
        progress.at(at);
    }
    to.sync_all().map_err(local(part))
}

fn broken_off(file: &RemoteFile, at: u64, size: u64, why: &str) -> Failure {
    Failure::Unreachable(format!("{} stopped at byte {at} of {size}: {why}", file.name))
}

/// Maps an error of a local file.
fn local(path: &Path) -> impl Fn(io::Error) -> Failure {
    move |error| Failure::Refused(format!("{}: {error}", path.display()))
}

fn length(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|file| file.len())
}

fn sha256(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut file = File::open(path)?;
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece)? {
            0 => break,
            count => hash.update(&piece[..count]),
        }
    }
    Ok(hash.finalize().iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}
