//! A package of a real, small library.

use crate::{
    Manifest, Package, PackageError, PackageFile, SigningKey, Sources,
    contents::header,
    envelope::{HEAD, MARK},
    pack, sign,
};
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};
use std::{
    fs,
    io::{Cursor, Write},
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// A library that has a manifest and no code, for x86-64 Linux.
const LIBRARY: &[u8] = include_bytes!("../../../../fuzz/seeds/plugin_files/x86_64-unknown-linux-gnu-auricle");
const VERSION_AT: usize = 144;

/// The library with another version.
pub(super) fn library(version: &str) -> Vec<u8> {
    let mut bytes = LIBRARY.to_vec();
    let manifest = bytes.windows(16).position(|part| part == b"auricle plugin\r\n").unwrap();
    let field = &mut bytes[manifest + VERSION_AT..manifest + VERSION_AT + 48];
    field.fill(0);
    field[..version.len()].copy_from_slice(version.as_bytes());
    bytes
}

/// A publisher with a folder of its own.
pub(super) struct Publisher {
    pub(super) dir: TempDir,
    pub(super) key: SigningKey,
}

impl Publisher {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let key = SigningKey::generate(&dir.path().join("key.pem")).unwrap();
        Self { dir, key }
    }

    pub(super) fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Packs the library of this version with a resource and a preset, and signs it.
    pub(super) fn package(&self, version: &str) -> PathBuf {
        let words = format!("words of {version}");
        self.write("words/common.txt", b"the same in all versions");
        self.package_of(version, &[self.write(&format!("words/{version}.txt"), words.as_bytes()).parent().unwrap()])
    }

    pub(super) fn package_of(&self, version: &str, resources: &[&Path]) -> PathBuf {
        let sources = Sources {
            engine: self.write("libsmall.so", &library(version)),
            licence: self.write("LICENSE", b"do what you like"),
            resources: resources.iter().map(|path| path.to_path_buf()).collect(),
            presets: vec![self.write("small.json", format!(r#"{{"backend": "small", "of": "{version}"}}"#).as_bytes())],
            publisher: "somebody".into(),
        };
        let (file, _) = pack(&sources, self.dir.path()).unwrap();
        sign(&file, &self.key).unwrap();
        file
    }

    /// A package with this archive, signed.
    pub(super) fn signed(&self, archive: &[u8]) -> Vec<u8> {
        let mut compressed = GzEncoder::new(Vec::new(), Compression::fast());
        compressed.write_all(archive).unwrap();
        self.signed_compressed(&compressed.finish().unwrap())
    }

    pub(super) fn signed_compressed(&self, archive: &[u8]) -> Vec<u8> {
        let file = self.write("made.auricle", &[&MARK[..], &[0; HEAD - MARK.len()], archive].concat());
        sign(&file, &self.key).unwrap();
        fs::read(file).unwrap()
    }
}

/// Why a package is refused.
pub(super) fn refusal(package: &[u8]) -> String {
    let problem = Package::read(Cursor::new(package)).expect_err("the package is refused").to_string();
    assert!(!problem.contains(char::is_control), "{problem:?}");
    problem
}

pub(super) fn open(package: &[u8]) -> Result<Package<Cursor<&[u8]>>, PackageError> {
    Package::read(Cursor::new(package))
}

/// A file of a manifest.
pub(super) fn listed(path: &str, content: &[u8]) -> PackageFile {
    PackageFile { path: path.into(), size: content.len() as u64, sha256: hex::encode(Sha256::digest(content)) }
}

/// The manifest of a package with the library and these further files.
pub(super) fn manifest(further: &[(&str, &[u8])]) -> Manifest {
    let bytes = library("1.0.0");
    let read = auricle_plugin_api::host::manifest_in(&bytes).unwrap();
    let files = [("engine/libsmall.so", &bytes[..])].into_iter().chain(further.iter().copied());
    Manifest::new(&read, None, "somebody", files.map(|(path, content)| listed(path, content)).collect())
}

/// An archive, entry by entry.
pub(super) struct Archive(tar::Builder<Vec<u8>>);

impl Archive {
    /// Begins with this manifest and the library.
    pub(super) fn of(manifest: &Manifest) -> Self {
        Self::bare(manifest).file("engine/libsmall.so", &library("1.0.0"))
    }

    /// Begins with this manifest.
    pub(super) fn bare(manifest: &Manifest) -> Self {
        Self(tar::Builder::new(Vec::new())).file("package.json", &serde_json::to_vec(manifest).unwrap())
    }

    pub(super) fn file(mut self, path: &str, content: &[u8]) -> Self {
        self.0.append(&header(path, content.len() as u64).unwrap(), content).unwrap();
        self
    }

    /// An entry whose header is made by hand: any name, any kind.
    pub(super) fn entry(mut self, path: &str, kind: tar::EntryType, content: &[u8]) -> Self {
        let mut header = header("x", content.len() as u64).unwrap();
        header.set_entry_type(kind);
        header.as_mut_bytes()[..100].fill(0);
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_link_name("/etc/passwd").unwrap();
        header.set_cksum();
        self.0.append(&header, content).unwrap();
        self
    }

    pub(super) fn done(self) -> Vec<u8> {
        self.0.into_inner().unwrap()
    }
}
