//! What a file looked like: if its stamp has changed, the file may have changed.
//!
//! Invariant: a stamp is of the file itself, not of a link to it, and compares equal only where nothing that the system
//! tells has changed. Times alone miss files that a tool lays down with a fixed time (Nix, container images, `cp -p`), so on
//! Unix the file's identity and its change time, which nobody can set, count as well. The other way round a new stamp is
//! no proof: a chmod or another hard link makes one too. What is read anew then must be fit to be read twice. Threads: any.

use std::{
    fs::{self, Metadata},
    io,
    path::Path,
    time::SystemTime,
};

/// What a file looked like.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileStamp {
    length: u64,
    modified: Option<SystemTime>,
    identity: Identity,
}

impl FileStamp {
    /// The stamp of the file that `path` leads to, through links.
    ///
    /// # Errors
    /// The system's: there is no file, or it may not be seen.
    pub fn of(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|metadata| Self::from(&metadata))
    }
}

impl From<&Metadata> for FileStamp {
    fn from(metadata: &Metadata) -> Self {
        // Without a time there are the other facts.
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

/// Nothing more is known of a file here.
#[cfg(not(unix))]
type Identity = ();

#[cfg(not(unix))]
fn identity(_: &Metadata) -> Identity {}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(unix)]
    use std::{fs::File, thread, time::Duration};

    /// With the length and the time that every file has here.
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
        assert_ne!(FileStamp::of(&file).unwrap(), before);
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
