//! Private copies of plugin files. The server opens exactly the file that was probed, and an open file never changes.
//!
//! A copy is at `RUN/<sha256>/<original name>`. `RUN` is a 0700 directory of this process, which deletes it at its end.
//! If a server was killed, the next one deletes its directory: it can lock that directory's lock file. Threads: any.

use super::scan::{FOLDER_DEPTH, is_engine_folder};
use crate::platform;
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

/// A directory of copies.
#[derive(Debug)]
pub(super) struct CopyStore {
    dir: tempfile::TempDir,
    /// Held for as long as the directory is in use.
    _lock: File,
}

/// A plugin's private copy.
#[derive(Debug, Clone)]
pub(super) struct PluginCopy {
    /// The SHA-256 of the content, in hex.
    pub(super) sha256: String,
    /// The copy of the file or folder.
    pub(super) path: PathBuf,
}

const LOCK: &str = "lock";

impl CopyStore {
    /// Creates this process's directory in `cache`, or in the user's cache directory.
    pub(super) fn new(cache: Option<&Path>) -> io::Result<Self> {
        let root = cache_dir(cache);
        let cannot = |error: io::Error| {
            let message = format!("cannot copy plugin files to {} (`cache`): {error}", root.display());
            io::Error::new(error.kind(), message)
        };
        platform::make_private_dir(&root).map_err(cannot)?;
        remove_leftovers(&root);
        let dir = tempfile::Builder::new().prefix("run-").tempdir_in(&root).map_err(cannot)?;
        platform::make_private_dir(dir.path())?;
        let lock = File::create(dir.path().join(LOCK))?;
        lock.lock()?;
        Ok(Self { dir, _lock: lock })
    }

    /// Deletes all copies now, even if other threads still hold the store.
    pub(super) fn remove(&self) {
        // The next server deletes what is left.
        let _ = fs::remove_dir_all(self.dir.path());
    }

    /// Copies a plugin file or engine folder. The same content and name give the same path.
    pub(super) fn copy(&self, source: &Path) -> io::Result<PluginCopy> {
        let name = source.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let incoming = tempfile::Builder::new().prefix("incoming-").tempdir_in(self.dir.path())?;
        let target = incoming.path().join(name);
        let mut hash = Sha256::new();
        if is_engine_folder(source) {
            copy_folder(source, &target, &mut hash, FOLDER_DEPTH)?;
        } else {
            copy_file(source, &target, &mut hash)?;
        }
        let sha256 = hex::encode(hash.finalize());
        let home = self.dir.path().join(&sha256);
        fs::create_dir_all(&home)?;
        let path = home.join(name);
        if !path.exists() {
            fs::rename(&target, &path)?;
        }
        Ok(PluginCopy { sha256, path })
    }
}

/// The server's cache directory: `cache`, or `auricle` in the user's cache directory.
pub fn cache_dir(cache: Option<&Path>) -> PathBuf {
    if let Some(cache) = cache {
        return cache.to_owned();
    }
    let base = std::env::var_os("XDG_CACHE_HOME")
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache").into_os_string()));
    match base {
        Some(base) => Path::new(&base).join("auricle"),
        None => std::env::temp_dir().join("auricle"),
    }
}

fn remove_leftovers(root: &Path) {
    let Ok(entries) = fs::read_dir(root) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let ours = entry.file_name().as_encoded_bytes().starts_with(b"run-");
        let unused = || File::open(path.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok());
        if ours && unused() {
            // Another server may be deleting it at the same time.
            let _ = fs::remove_dir_all(&path);
        }
    }
}

fn copy_folder(source: &Path, target: &Path, hash: &mut Sha256, depth: usize) -> io::Result<()> {
    fs::create_dir(target)?;
    let mut names: Vec<_> =
        fs::read_dir(source)?.map(|entry| entry.map(|entry| entry.file_name())).collect::<Result<_, _>>()?;
    names.sort();
    for name in names {
        let (from, to) = (source.join(&name), target.join(&name));
        let bytes = name.as_encoded_bytes();
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
        if !from.is_dir() {
            copy_file(&from, &to, hash)?;
        } else if depth > 0 {
            copy_folder(&from, &to, hash, depth - 1)?;
        }
    }
    Ok(())
}

/// Copies and hashes in one pass, so that the hash is the copy's.
fn copy_file(source: &Path, target: &Path, hash: &mut Sha256) -> io::Result<()> {
    let mut from = File::open(source)?;
    let mut to = File::create_new(target)?;
    let mut buffer = vec![0; 1 << 18];
    let mut length = 0u64;
    loop {
        let count = from.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        hash.update(&buffer[..count]);
        to.write_all(&buffer[..count])?;
        length += count as u64;
    }
    hash.update(length.to_le_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_content_shares_a_copy_and_other_content_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let store = CopyStore::new(Some(&dir.path().join("cache"))).unwrap();
        let file = dir.path().join("x.so");
        fs::write(&file, "one").unwrap();
        let first = store.copy(&file).unwrap();
        let again = store.copy(&file).unwrap();
        fs::write(&file, "two").unwrap();
        let second = store.copy(&file).unwrap();
        assert_eq!(first.path, again.path);
        assert_ne!(first.path, second.path);
        assert_eq!(fs::read_to_string(&first.path).unwrap(), "one");
        assert!(first.path.ends_with(Path::new(&first.sha256).join("x.so")));
    }

    #[test]
    fn a_folder_is_copied_whole() {
        let dir = tempfile::tempdir().unwrap();
        let store = CopyStore::new(Some(&dir.path().join("cache"))).unwrap();
        let folder = dir.path().join("x.engine");
        fs::create_dir_all(folder.join("model/deep")).unwrap();
        fs::write(folder.join("model/deep/w.bin"), "weights").unwrap();
        let copy = store.copy(&folder).unwrap();
        assert_eq!(fs::read_to_string(copy.path.join("model/deep/w.bin")).unwrap(), "weights");
    }

    #[test]
    fn leftovers_of_a_killed_server_go_and_a_running_ones_stay() {
        let dir = tempfile::tempdir().unwrap();
        let running = CopyStore::new(Some(dir.path())).unwrap();
        let dead = dir.path().join("run-dead");
        fs::create_dir(&dead).unwrap();
        File::create(dead.join(LOCK)).unwrap();
        let next = CopyStore::new(Some(dir.path())).unwrap();
        assert!(running.dir.path().exists() && next.dir.path().exists() && !dead.exists());
    }
}
