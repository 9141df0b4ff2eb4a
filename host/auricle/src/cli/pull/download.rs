//! One file of a repository, from the hub into the folder where the model comes together.
//!
//! Invariant: a file has its own name only when all of it is there and it is what the hub's list says; until then it is
//! `NAME.part`, from whose end the next try goes on.

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

/// How often a connection that broke off is followed by another, if it brought something.
const MORE_TRIES: usize = 4;
const PIECE: usize = 1 << 16;

/// Fetches what is missing of the file, at its name below `folder`.
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
                "{}: what came is not what the hub's list says (SHA-256 {found}, not {expected}): run the same command again",
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

/// Appends to the part what is missing of it, over one connection.
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
    // Longer than it can be: it is of something else.
    let from = if file.size.is_some_and(|size| have > size) { 0 } else { have };
    let mut rest = snapshot.open(&file.name, from)?;
    if let Some(size) = file.size.filter(|size| *size != rest.size) {
        let sent = rest.size;
        return Err(Failure::Refused(format!("{}: the hub's list says {size} bytes, its server {sent}", file.name)));
    }
    let mut to = OpenOptions::new().create(true).append(true).open(part).map_err(local(part))?;
    to.set_len(rest.start).map_err(local(part))?;
    let progress = progress.get_or_insert_with(|| Progress::begin(&file.name, rest.size, rest.start));
    let mut at = rest.start;
    let mut piece = vec![0; PIECE];
    while at < rest.size {
        let room = piece.len().min(usize::try_from(rest.size - at).unwrap_or(usize::MAX));
        let count = match rest.bytes.read(&mut piece[..room]) {
            Ok(0) => return Err(broken_off(file, at, rest.size, "the server closed")),
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
    Failure::Unreachable(format!("{} broke off at byte {at} of {size}: {why}", file.name))
}

/// A local file cannot be read or written.
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
