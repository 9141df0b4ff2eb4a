//! Plugin files that differ from a real one in a few bytes: another version, another plugin, damage.

use std::{
    fs,
    path::{Path, PathBuf},
};

const MAGIC: &[u8] = b"auricle plugin\r\n";
const SIZE: usize = 384;
const API_MAJOR: usize = 20;
const TARGET: (usize, usize) = (32, 48);
const ID: (usize, usize) = (80, 64);
const VERSION: (usize, usize) = (144, 48);

/// The bytes of a plugin file, which can be changed.
#[derive(Clone)]
pub struct Variant {
    /// The whole file.
    pub bytes: Vec<u8>,
    manifest: usize,
}

impl Variant {
    /// Reads a real plugin file.
    pub fn of(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap();
        let header = [MAGIC, &(SIZE as u32).to_le_bytes()].concat();
        let places: Vec<_> = bytes.windows(header.len()).enumerate().filter(|(_, bytes)| *bytes == header).collect();
        let [(manifest, _)] = places[..] else { panic!("{} manifests in {}", places.len(), path.display()) };
        Self { manifest, bytes }
    }

    /// Sets another version.
    #[must_use]
    pub fn version(self, version: &str) -> Self {
        self.text(VERSION, version)
    }

    /// Sets another id.
    #[must_use]
    pub fn id(self, id: &str) -> Self {
        self.text(ID, id)
    }

    /// Sets another target.
    #[must_use]
    pub fn target(self, target: &str) -> Self {
        self.text(TARGET, target)
    }

    /// Sets another major version of the plugin API.
    #[must_use]
    pub fn api_major(mut self, major: u32) -> Self {
        let at = self.manifest + API_MAJOR;
        self.bytes[at..at + 4].copy_from_slice(&major.to_le_bytes());
        self
    }

    /// Replaces a text wherever it occurs in the file.
    #[must_use]
    pub fn replace(mut self, old: &str, new: &str) -> Self {
        assert_eq!(old.len(), new.len());
        let places: Vec<_> =
            (0..self.bytes.len() - old.len()).filter(|at| self.bytes[*at..].starts_with(old.as_bytes())).collect();
        assert!(!places.is_empty(), "`{old}` is not in the file");
        for at in places {
            self.bytes[at..at + new.len()].copy_from_slice(new.as_bytes());
        }
        self
    }

    /// Truncates the file.
    #[must_use]
    pub fn cut(mut self, length: usize) -> Self {
        self.bytes.truncate(length);
        self
    }

    /// Writes a file with this name to `dir`.
    pub fn save(&self, dir: &Path, name: &str) -> PathBuf {
        let path = dir.join(name);
        fs::write(&path, &self.bytes).unwrap();
        path
    }

    fn text(mut self, (offset, size): (usize, usize), text: &str) -> Self {
        let at = self.manifest + offset;
        assert!(text.len() <= size);
        self.bytes[at..at + size].fill(0);
        self.bytes[at..at + text.len()].copy_from_slice(text.as_bytes());
        self
    }
}
