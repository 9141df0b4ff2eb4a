//! A package file that was checked as a whole.

use super::{
    contents::{self, ContentError},
    envelope::{self, EnvelopeError},
    key::PublicKey,
    manifest::{Manifest, PackageFile},
    path::ENGINE,
};
use auricle_plugin_api::host::{NotLoadable, claims_in, manifest_in};
use flate2::bufread::GzDecoder;
use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::Path,
};

/// The largest size of a library, in bytes: it is read into memory.
const MOST_LIBRARY: u64 = 1 << 30;

/// Why a file is not a valid package. Each message is one line.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// The signature is missing or not valid.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// What is in it is not valid.
    #[error(transparent)]
    Contents(#[from] ContentError),
    /// Its engine folder holds no plugin, or several.
    #[error("its engine folder holds {0} plugin libraries instead of one")]
    Libraries(usize),
    /// The library cannot be read as a plugin.
    #[error("its library {path:?}: {reason}")]
    Library {
        /// The library.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The manifest is not the library's.
    #[error("its manifest says something else of {0} than its library does")]
    Differs(&'static str),
    /// It was replaced while it was read.
    #[error("it changed while it was read: run the command again")]
    Replaced,
}

/// A package that was checked as a whole: signature, manifest, files, library. None of its code has run.
#[derive(Debug)]
pub struct Package<F = File> {
    file: F,
    key: PublicKey,
    manifest: Manifest,
}

impl Package {
    /// Opens a package file, and checks everything in it.
    ///
    /// # Errors
    /// It is not valid.
    pub fn open(file: &Path) -> Result<Self, PackageError> {
        Self::read(File::open(file).map_err(EnvelopeError::File)?)
    }
}

impl<F: Read + Seek> Package<F> {
    /// Like [`open`](Package::open), from what can be read twice.
    ///
    /// # Errors
    /// It is not valid.
    pub fn read(mut file: F) -> Result<Self, PackageError> {
        let key = envelope::verify(&mut file)?;
        let manifest = check(&mut file)?;
        Ok(Self { file, key, manifest })
    }

    /// The key of its signature.
    pub fn key(&self) -> PublicKey {
        self.key
    }

    /// What is in it.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Unpacks it: `each` gets every file with its content.
    ///
    /// # Errors
    /// It cannot be read again, or `each` failed. What `each` has written must not be used then.
    pub(crate) fn unpack(
        &mut self,
        each: impl FnMut(&PackageFile, &mut dyn Read) -> io::Result<()>,
    ) -> Result<(), PackageError> {
        // The hashes of the checked manifest are checked again, so the files are those that were verified.
        self.file.seek(SeekFrom::Start(envelope::HEAD as u64)).map_err(EnvelopeError::File)?;
        let again = archive(&mut self.file, each)?;
        if again == self.manifest { Ok(()) } else { Err(PackageError::Replaced) }
    }
}

/// Checks the archive of a package and its library. The file is at the start of the archive.
pub(crate) fn check(file: &mut impl Read) -> Result<Manifest, PackageError> {
    let mut libraries = Vec::new();
    let manifest = archive(file, |file, content| {
        if is_library(file) && file.size <= MOST_LIBRARY {
            let mut bytes = Vec::new();
            content.read_to_end(&mut bytes)?;
            match manifest_in(&bytes) {
                Err(NotLoadable::NotAPlugin) => {}
                found => libraries.push((file.path.clone(), found.and_then(|found| Ok((found, claims_in(&bytes)?))))),
            }
        }
        Ok(())
    })?;
    let [(path, found)] = libraries.try_into().map_err(|libraries: Vec<_>| PackageError::Libraries(libraries.len()))?;
    let (library, claims) = found.map_err(|problem| {
        let NotLoadable::Refused(reason) = problem else { return PackageError::Libraries(0) };
        PackageError::Library { path, reason }
    })?;
    let expected = Manifest::new(&library, claims, &manifest.publisher, manifest.files.clone());
    for (what, same) in [
        ("its name", expected.name == manifest.name),
        ("its version", expected.version == manifest.version),
        ("its target", expected.target == manifest.target),
        ("the plugin API", expected.api == manifest.api),
        ("its claims", expected.claims == manifest.claims),
        ("itself", expected == manifest),
    ] {
        if !same {
            return Err(PackageError::Differs(what));
        }
    }
    Ok(manifest)
}

/// Reads the compressed archive, to the end of the file.
fn archive(
    file: &mut impl Read,
    each: impl FnMut(&PackageFile, &mut dyn Read) -> io::Result<()>,
) -> Result<Manifest, ContentError> {
    let mut compressed = BufReader::new(file);
    let unpacked = GzDecoder::new(&mut compressed).take(contents::most_bytes());
    let manifest = contents::read(unpacked, each)?;
    match compressed.read(&mut [0]).map_err(ContentError::Archive)? {
        0 => Ok(manifest),
        _ => Err(ContentError::Surplus),
    }
}

/// Whether the file is a library directly in the engine folder, for any system.
pub(crate) fn is_library(file: &PackageFile) -> bool {
    file.below(ENGINE).is_some_and(|name| {
        !name.contains('/') && [".so", ".dylib", ".dll"].iter().any(|extension| name.ends_with(extension))
    })
}
