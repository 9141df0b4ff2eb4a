//! File stamps: if a file's stamp has changed, the file may have changed.
//!
//! Invariant: a stamp describes the file itself, not a link to it. Two stamps are equal only if no attribute has
//! changed that the system reports. Times alone are not enough, because some tools set a fixed time (Nix, container
//! images, `cp -p`). On Unix the stamp therefore includes the file's identity and its change time, which cannot be set.
//! A new stamp does not prove a change: a chmod or another hard link also causes one. Reading a file again without a
//! change must therefore be harmless. Threads: any.

use std::{
    fs::{self, Metadata},
    io,
    path::Path,
    time::SystemTime,
};

/// The attributes of a file that reveal a change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileStamp {
    length: u64,
    modified: Option<SystemTime>,
    identity: Identity,
}

impl FileStamp {
    /// The stamp of the file at `path`. Follows links.
    ///
    /// # Errors
    /// The file does not exist or is not accessible.
    pub fn of(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|metadata| Self::from(&metadata))
    }

    /// The stamp as text, to compare files over restarts. Without the device, whose number may change when the machine starts.
    pub fn text(&self) -> String {
        let modified = self.modified.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
        format!("{} {} {}", self.length, modified.map_or(0, |since| since.as_nanos()), identity_text(self.identity))
    }
}

impl From<&Metadata> for FileStamp {
    fn from(metadata: &Metadata) -> Self {
        // Without a time the other attributes must do.
        Self { length: metadata.len(), modified: metadata.modified().ok(), identity: identity(metadata) }
    }
}

/// Device, inode, and the change time in seconds and nanoseconds.
#[cfg(unix)]
type Identity = (u64, u64, i64, i64);

#[cfg(unix)]
fn identity(metadata: &Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
}

#[cfg(unix)]
fn identity_text((_, inode, seconds, nanoseconds): Identity) -> String {
    format!("{inode} {seconds} {nanoseconds}")
}

/// Other systems report no identity.
#[cfg(not(unix))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Identity;

#[cfg(not(unix))]
fn identity(_: &Metadata) -> Identity {
    Identity
}

#[cfg(not(unix))]
fn identity_text(Identity: Identity) -> String {
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(unix)]
    use std::{fs::File, thread, time::Duration};

    /// Writes a file with a fixed modification time. All texts in these tests have the same length.
    #[cfg(unix)]
    fn write(file: &Path, text: &str) {
        fs::write(file, text).unwrap();
        File::options().write(true).open(file).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    }

    #[test]
    fn a_file_that_stays_keeps_its_stamp_and_one_that_grows_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        FileStamp::of(&file).unwrap_err();
        fs::write(&file, "one").unwrap();
        let before = FileStamp::of(&file).unwrap();
        assert_eq!(FileStamp::of(&file).unwrap(), before);
        fs::write(&file, "three").unwrap();
        let after = FileStamp::of(&file).unwrap();
        assert_ne!(after, before);
        assert_ne!(after.text(), before.text());
        assert_eq!(after.text(), FileStamp::of(&file).unwrap().text());
    }

    #[cfg(unix)]
    #[test]
    fn another_file_of_the_same_length_and_time_has_another_stamp() {
        let dir = tempfile::tempdir().unwrap();
        let [one, two, link] = ["one", "two", "link"].map(|name| dir.path().join(name));
        write(&one, "one");
        write(&two, "two");
        std::os::unix::fs::symlink(&one, &link).unwrap();
        let before = FileStamp::of(&link).unwrap();
        assert_eq!(before, FileStamp::of(&one).unwrap());
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(&two, &link).unwrap();
        assert_ne!(before, FileStamp::of(&link).unwrap());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_rewritten_with_the_same_length_and_time_has_another_stamp() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        write(&file, "one");
        let before = FileStamp::of(&file).unwrap();
        // The change time moves in steps of some milliseconds.
        let changed = (0..1_000).any(|_| {
            thread::sleep(Duration::from_millis(1));
            write(&file, "two");
            FileStamp::of(&file).unwrap() != before
        });
        assert!(changed);
    }
}
