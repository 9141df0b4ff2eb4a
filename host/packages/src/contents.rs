//! The contents of a package: a tar archive of `package.json` and then each of its files, in its order.
//!
//! Nothing in the archive but names, sizes and bytes is used, and each name must be the one that the manifest has there. So what is
//! unusual in an archive (links, devices, other names, files that come twice) is refused and not interpreted.

use super::manifest::{Manifest, ManifestError, PackageFile};
use auricle_core::one_line;
use sha2::{Digest, Sha256};
use std::io::{self, Read, Write};
use tar::{Archive, Builder, EntryType, Header};

/// The name of the manifest in the archive.
pub(crate) const MANIFEST: &str = "package.json";
/// The largest size of a manifest, in bytes.
const MOST_MANIFEST: u64 = 8 << 20;
/// What an archive has for each entry: its header, and the rest of its last block.
const PER_ENTRY: u64 = 1_024;

/// Why the contents of a package are refused. Each message is one line.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// The archive is damaged, or cannot be read or written.
    #[error("cannot be unpacked: {}", one_line(.0))]
    Archive(io::Error),
    /// The manifest is not valid.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The manifest is too large.
    #[error("its manifest has {0} bytes: the limit is {MOST_MANIFEST}")]
    ManifestSize(u64),
    /// An entry is not a file.
    #[error("holds {0:?}, which is a link or something else than a file")]
    NotAFile(String),
    /// Another file than the next of the manifest.
    #[error("holds {found:?} where its manifest has {expected:?}")]
    Other {
        /// The file's name.
        found: String,
        /// The manifest's next file.
        expected: String,
    },
    /// A file of the manifest is missing.
    #[error("lacks {0:?}, which its manifest has")]
    Missing(String),
    /// A file or bytes after the last file of the manifest.
    #[error("holds more than its manifest says")]
    Surplus,
    /// A file has another content than the manifest says.
    #[error("its {0:?} is not the one of its manifest: size or SHA-256 differ")]
    Changed(String),
}

/// Reads an archive. `each` gets every file with its content, which it need not read; whether the content is the manifest's is known
/// when this function returns.
///
/// # Errors
/// The contents are not as a package's must be, or `each` failed.
pub fn read<R: Read>(
    archive: R,
    mut each: impl FnMut(&PackageFile, &mut dyn Read) -> io::Result<()>,
) -> Result<Manifest, ContentError> {
    let mut archive = Archive::new(archive);
    // Raw: names of other formats than the plain one are entries of their own, and no files.
    let mut entries = archive.entries().map_err(ContentError::Archive)?.raw(true);
    let mut next = |expected: &str| -> Result<_, ContentError> {
        let entry = entries.next().ok_or_else(|| ContentError::Missing(expected.to_owned()))?;
        let entry = entry.map_err(ContentError::Archive)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if entry.header().entry_type() != EntryType::Regular {
            return Err(ContentError::NotAFile(name));
        }
        match name == expected {
            true => Ok(entry),
            false => Err(ContentError::Other { found: name, expected: expected.to_owned() }),
        }
    };
    let entry = next(MANIFEST)?;
    if entry.size() > MOST_MANIFEST {
        return Err(ContentError::ManifestSize(entry.size()));
    }
    let mut text = Vec::new();
    entry.take(MOST_MANIFEST).read_to_end(&mut text).map_err(ContentError::Archive)?;
    let manifest = Manifest::from_json(&text)?;
    for file in &manifest.files {
        let entry = next(&file.path)?;
        if entry.size() != file.size {
            return Err(ContentError::Changed(file.path.clone()));
        }
        let mut content = Hashing { from: entry, hash: Sha256::new(), read: 0 };
        each(file, &mut content).map_err(ContentError::Archive)?;
        io::copy(&mut content, &mut io::sink()).map_err(ContentError::Archive)?;
        if content.read != file.size || hex::encode(content.hash.finalize()) != file.sha256 {
            return Err(ContentError::Changed(file.path.clone()));
        }
    }
    if entries.next().is_some() {
        return Err(ContentError::Surplus);
    }
    // The archive ends with zeros, and nothing follows it.
    let mut rest = archive.into_inner();
    let mut block = [0; 1_024];
    loop {
        match rest.read(&mut block).map_err(ContentError::Archive)? {
            0 => return Ok(manifest),
            count if block[..count].iter().any(|byte| *byte != 0) => return Err(ContentError::Surplus),
            _ => {}
        }
    }
}

/// The most bytes that the archive of a valid package has.
pub(crate) fn most_bytes() -> u64 {
    super::manifest::MOST_BYTES + (super::manifest::MOST_FILES as u64 + 20) * PER_ENTRY + MOST_MANIFEST
}

/// Writes an archive. `open` opens the file at a path of the manifest.
pub(crate) fn write<R: Read>(
    to: impl Write,
    manifest: &Manifest,
    open: impl Fn(&PackageFile) -> io::Result<R>,
) -> io::Result<()> {
    let mut archive = Builder::new(to);
    let text = serde_json::to_vec_pretty(manifest)?;
    archive.append(&header(MANIFEST, text.len() as u64)?, &*text)?;
    for file in &manifest.files {
        archive.append(&header(&file.path, file.size)?, open(file)?.take(file.size))?;
    }
    archive.into_inner()?.flush()
}

/// The header of a file. Times and owners are not in a package, so that the same files make the same package.
pub(crate) fn header(path: &str, size: u64) -> io::Result<Header> {
    let mut header = Header::new_ustar();
    header.set_path(path)?;
    header.set_entry_type(EntryType::Regular);
    header.set_size(size);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_cksum();
    Ok(header)
}

struct Hashing<R> {
    from: R,
    hash: Sha256,
    read: u64,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.hash.update(&buffer[..count]);
        self.read += count as u64;
        Ok(count)
    }
}
