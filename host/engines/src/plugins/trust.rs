//! Decides whether a plugin may run with the server's rights.
//!
//! If there are pins, the content decides: only listed files run, regardless of who can write them. Otherwise file
//! permissions decide: only root, the server's user and its group may be able to write or replace the file. Pins are
//! compared with the private copy, which is what will run. Permissions are those of the original, because others could
//! have changed it before it was copied. Threads: any.

use super::scan::FOLDER_DEPTH;
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

/// A pin is not a SHA-256.
#[derive(Debug, thiserror::Error)]
#[error("`[pins]`: `{name}` must have 64 hexadecimal digits, as `auricle probe` prints them")]
pub struct PinError {
    /// The name of the pinned file or folder.
    pub name: String,
}

/// Why a plugin must not run, or why a file is not trusted.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The copy cannot be hashed, so it cannot be compared with the pin.
    #[error("cannot be hashed: {0}")]
    Hash(io::Error),
    /// The content differs from the pin.
    #[error("differs from its pin: its SHA-256 is {digest}")]
    OtherContent {
        /// The actual hash.
        digest: String,
    },
    /// There are pins, but none for this file.
    #[error("is not listed in `[pins]`: its SHA-256 is {digest}")]
    NotPinned {
        /// The actual hash.
        digest: String,
    },
    /// The permissions of a file or directory cannot be read.
    #[error("{}: {error}", .place.display())]
    Unseen {
        /// The file or directory.
        place: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// Others can write a file or directory.
    #[error("cannot be trusted: {} {who}", .place.display())]
    Writable {
        /// The file, or a directory on its path or in it.
        place: PathBuf,
        /// Who can write it.
        who: Outsider,
    },
}

/// Who can write a file, apart from root, the server's user and its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Outsider {
    /// Its owner, a user id.
    #[error("belongs to user {0}, who is neither root nor the server's user")]
    Owner(u32),
    /// Everybody.
    #[error("can be written by everybody (chmod o-w)")]
    Everybody,
    /// Its group, a group id.
    #[error("can be written by group {0} (chmod g-w)")]
    Group(u32),
}

/// Decides which plugins may run.
#[derive(Debug, Clone)]
pub struct Trust {
    /// SHA-256 hashes by name of file or folder. If empty, permissions decide.
    pins: BTreeMap<String, String>,
}

impl Trust {
    /// Reads the pins from the settings.
    ///
    /// # Errors
    /// The first pin that is not a SHA-256.
    pub fn new(pins: &BTreeMap<String, String>) -> Result<Self, PinError> {
        for (name, pin) in pins {
            if pin.len() != 64 || !pin.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err(PinError { name: name.clone() });
            }
        }
        Ok(Self { pins: pins.iter().map(|(name, pin)| (name.clone(), pin.to_ascii_lowercase())).collect() })
    }

    /// Checks a plugin before any of its code runs. `source` is the file or folder in the plugin directory, `copy` its
    /// private copy.
    ///
    /// # Errors
    /// Why it must not run.
    pub fn check(&self, source: &Path, copy: &Path) -> Result<(), TrustError> {
        if self.pins.is_empty() {
            return check_writers(source);
        }
        let name = source.file_name().unwrap_or_default().to_string_lossy();
        let digest = digest(copy).map_err(TrustError::Hash)?;
        match self.pins.get(&*name) {
            Some(pin) if *pin == digest => Ok(()),
            Some(_) => Err(TrustError::OtherContent { digest }),
            None => Err(TrustError::NotPinned { digest }),
        }
    }
}

/// The SHA-256 of a file. For a folder, the SHA-256 of a list of its files in the format of `sha256sum`, sorted by
/// path.
///
/// # Errors
/// The file or folder cannot be read.
pub fn digest(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    if path.is_dir() {
        let mut list = Vec::new();
        list_files(path, "", FOLDER_DEPTH, &mut list)?;
        list.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (name, digest) in list {
            hash.update(format!("{digest}  {name}\n"));
        }
    } else {
        let (mut file, mut buffer) = (File::open(path)?, vec![0; 1 << 18]);
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                count => hash.update(&buffer[..count]),
            }
        }
    }
    Ok(hex::encode(hash.finalize()))
}

fn list_files(folder: &Path, prefix: &str, depth: usize, list: &mut Vec<(String, String)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let path = entry.path();
        if path.is_dir() {
            if depth > 0 {
                list_files(&path, &format!("{name}/"), depth - 1, list)?;
            }
        } else {
            list.push((name, digest(&path)?));
        }
    }
    Ok(())
}

/// Checks that no others can write `path`, its content, or any directory on its path.
///
/// # Errors
/// The first file or directory that others can write.
#[cfg(unix)]
pub fn check_writers(path: &Path) -> Result<(), TrustError> {
    check_writers_within(path, FOLDER_DEPTH)
}

#[cfg(unix)]
fn check_writers_within(path: &Path, depth: usize) -> Result<(), TrustError> {
    use std::os::unix::fs::MetadataExt;

    let unseen = |path: &Path, error| TrustError::Unseen { place: path.to_owned(), error };
    let seen = |path: &Path| -> Result<(PathBuf, fs::Metadata), TrustError> {
        let real = fs::canonicalize(path).map_err(|error| unseen(path, error))?;
        let metadata = fs::metadata(&real).map_err(|error| unseen(&real, error))?;
        Ok((real, metadata))
    };
    let check_one = |path: &Path| -> Result<(), TrustError> {
        let (real, metadata) = seen(path)?;
        let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        match others_can_write(metadata.mode(), metadata.uid(), metadata.gid(), user, group) {
            None => Ok(()),
            Some(who) => Err(TrustError::Writable { place: real, who }),
        }
    };
    // The path to the directory entry, and the path to its target if the entry is a link.
    for place in [path.parent(), Some(path)].into_iter().flatten().filter(|place| !place.as_os_str().is_empty()) {
        let (real, _) = seen(place)?;
        real.ancestors().try_for_each(check_one)?;
    }
    if path.is_dir() && depth > 0 {
        for entry in fs::read_dir(path).map_err(|error| unseen(path, error))? {
            let entry = entry.map_err(|error| unseen(path, error))?;
            check_writers_within(&entry.path(), depth - 1)?;
        }
    }
    Ok(())
}

/// Checks nothing, because mode bits do not tell who may write a file on this system.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn check_writers(_: &Path) -> Result<(), TrustError> {
    Ok(())
}

/// Who else can write, if anyone. In a directory with the sticky bit others can only add files. They own those files,
/// so they are refused.
#[cfg(unix)]
fn others_can_write(mode: u32, owner: u32, owning_group: u32, user: u32, group: u32) -> Option<Outsider> {
    const DIRECTORY: u32 = 0o040_000;
    const FORMAT: u32 = 0o170_000;
    const STICKY: u32 = 0o1_000;
    let sticky = mode & FORMAT == DIRECTORY && mode & STICKY != 0;
    if owner != 0 && owner != user {
        return Some(Outsider::Owner(owner));
    }
    if mode & 0o002 != 0 && !sticky {
        return Some(Outsider::Everybody);
    }
    if mode & 0o020 != 0 && !sticky && owning_group != 0 && owning_group != group {
        return Some(Outsider::Group(owning_group));
    }
    None
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("own file");
    }

    #[test]
    fn only_root_the_user_and_its_group_may_write() {
        for (mode, owner, owning_group, trusted) in [
            (0o100_644, 1000, 50, true),
            (0o100_644, 0, 50, true),
            (0o100_644, 1001, 50, false),
            (0o100_646, 1000, 50, false),
            (0o100_664, 1000, 100, true),
            (0o100_664, 1000, 0, true),
            (0o100_664, 1000, 50, false),
            (0o040_777, 0, 0, false),
            (0o041_777, 0, 0, true),
            (0o041_775, 1000, 50, true),
            (0o101_646, 1000, 50, false),
        ] {
            let problem = others_can_write(mode, owner, owning_group, 1000, 100);
            assert_eq!(problem.is_none(), trusted, "{mode:o} {owner} {owning_group}: {problem:?}");
        }
    }

    #[test]
    fn every_place_on_the_way_counts() {
        let dir = tempfile::tempdir().unwrap();
        let (outer, inner) = (dir.path().join("outer"), dir.path().join("outer/inner"));
        fs::create_dir_all(&inner).unwrap();
        let file = inner.join("x.so");
        fs::write(&file, "x").unwrap();
        let link = dir.path().join("link.so");
        symlink(&file, &link).unwrap();
        for (place, loose, tight) in [(&file, 0o666, 0o644), (&inner, 0o777, 0o755), (&outer, 0o777, 0o755)] {
            check_writers(&file).unwrap();
            check_writers(&link).unwrap();
            set_mode(place, loose);
            for name in [&file, &link] {
                let problem = check_writers(name).unwrap_err().to_string();
                let real = fs::canonicalize(place).unwrap();
                assert!(problem.contains(&format!("{} can be written by everybody", real.display())), "{problem}");
            }
            set_mode(place, tight);
        }
        // Others could replace a link in a directory that they can write.
        let open = dir.path().join("open");
        fs::create_dir(&open).unwrap();
        symlink(&file, open.join("link.so")).unwrap();
        check_writers(&open.join("link.so")).unwrap();
        set_mode(&open, 0o777);
        check_writers(&open.join("link.so")).unwrap_err();
    }

    #[test]
    fn a_folder_is_trusted_with_everything_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("x.engine");
        fs::create_dir_all(folder.join("model")).unwrap();
        let weights = folder.join("model/weights");
        fs::write(&weights, "w").unwrap();
        check_writers(&folder).unwrap();
        set_mode(&weights, 0o646);
        assert!(check_writers(&folder).unwrap_err().to_string().contains("weights"));
    }

    #[test]
    fn a_pinned_plugin_is_known_by_its_content_and_others_do_not_run() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.so");
        fs::write(&file, "abc").unwrap();
        // As printed by `sha256sum`.
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest(&file).unwrap(), known);
        let pinned = |name: &str, pin: &str| Trust::new(&BTreeMap::from([(name.to_owned(), pin.to_owned())]));
        let trust = pinned("x.so", &known.to_uppercase()).unwrap();
        // Regardless of who can write it.
        set_mode(&file, 0o666);
        trust.check(&file, &file).unwrap();
        Trust::new(&BTreeMap::new()).unwrap().check(&file, &file).unwrap_err();
        fs::write(&file, "abcd").unwrap();
        assert!(matches!(trust.check(&file, &file), Err(TrustError::OtherContent { .. })));
        let other = pinned("y.so", known).unwrap();
        assert!(matches!(other.check(&file, &file), Err(TrustError::NotPinned { .. })));
        assert_eq!(pinned("x.so", "abc").unwrap_err().name, "x.so");
    }

    #[test]
    fn the_hash_of_a_folder_is_that_of_its_names_and_contents() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("x.engine");
        fs::create_dir_all(folder.join("model")).unwrap();
        fs::write(folder.join("b"), "abc").unwrap();
        fs::write(folder.join("model/a"), "").unwrap();
        let before = digest(&folder).unwrap();
        fs::rename(folder.join("b"), folder.join("c")).unwrap();
        assert_ne!(digest(&folder).unwrap(), before);
        fs::rename(folder.join("c"), folder.join("b")).unwrap();
        assert_eq!(digest(&folder).unwrap(), before);
        fs::write(folder.join("model/a"), "x").unwrap();
        assert_ne!(digest(&folder).unwrap(), before);
    }
}
