//! Moving a folder out of the way of another one.

use std::{fs, io, path::Path};

/// Moves a folder to `away`, so that nobody finds a part of it. Where that is not possible it is deleted in place: a folder that comes with a
/// container's image cannot be moved, nor one that is mounted.
///
/// # Errors
/// It can neither be moved nor deleted.
pub fn move_away(folder: &Path, away: &Path) -> io::Result<()> {
    match fs::rename(folder, away) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => fs::remove_dir_all(folder),
        moved => moved,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_cannot_be_moved_is_deleted() {
        // On Linux usually two file systems, which `rename` refuses as it does for a folder of an image.
        let elsewhere = Path::new("/dev/shm");
        let other = if elsewhere.is_dir() { tempfile::tempdir_in(elsewhere) } else { tempfile::tempdir() }.unwrap();
        let here = tempfile::tempdir().unwrap();
        let folder = here.path().join("model");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("weights"), "old").unwrap();
        move_away(&folder, &other.path().join("old")).unwrap();
        assert!(!folder.exists());
        assert!(move_away(&folder, &other.path().join("old")).is_err());
    }
}
