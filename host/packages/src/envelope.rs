//! The envelope of a package: a mark, the publisher's public key, the signature, and then the compressed archive.
//!
//! The signature is of the mark and the SHA-256 of everything behind it, so each byte of the file is either fixed, part of the
//! signature, or signed. In a package that is not signed yet, key and signature are zeros.

use super::key::{KEY_BYTES, PublicKey, SIGNATURE_BYTES, SigningKey};
use sha2::{Digest, Sha256};
use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
};

/// The first bytes of a package, which include the version of the envelope.
pub(crate) const MARK: &[u8; 16] = b"auricle pack 1\r\n";
/// The bytes before the archive.
pub(crate) const HEAD: usize = MARK.len() + KEY_BYTES + SIGNATURE_BYTES;
/// The largest size of a package, in bytes.
pub(crate) const MOST_BYTES: u64 = 16 << 30;

/// Why a file is not a package with a valid signature. Each message is one line.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// The file cannot be read or written.
    #[error("{0}")]
    File(#[from] io::Error),
    /// Another file.
    #[error("is not a package of `auricle plugin pack`, or cut short")]
    NotAPackage,
    /// The file is too large.
    #[error("has {0} bytes: the limit is {MOST_BYTES}")]
    Size(u64),
    /// There is no signature.
    #[error("is not signed: `auricle plugin sign` signs it")]
    Unsigned,
    /// The signature is not of this content, or not by this key.
    #[error("its signature is not valid: it was changed after it was signed, or not received as a whole")]
    Signature,
}

/// Reads the head, and verifies the signature. The file is then at the start of the archive.
pub(crate) fn verify(file: &mut (impl Read + Seek)) -> Result<PublicKey, EnvelopeError> {
    let (key, signature) = head(file)?;
    if *key.bytes() == [0; KEY_BYTES] {
        return Err(EnvelopeError::Unsigned);
    }
    if !key.verifies(&message(file)?, &signature) {
        return Err(EnvelopeError::Signature);
    }
    file.seek(SeekFrom::Start(HEAD as u64))?;
    Ok(key)
}

/// Reads the head. The file is then at the start of the archive.
pub(crate) fn head(file: &mut (impl Read + Seek)) -> Result<(PublicKey, [u8; SIGNATURE_BYTES]), EnvelopeError> {
    let size = file.seek(SeekFrom::End(0))?;
    if size > MOST_BYTES {
        return Err(EnvelopeError::Size(size));
    }
    file.seek(SeekFrom::Start(0))?;
    let (mut mark, mut key, mut signature) = ([0; MARK.len()], [0; KEY_BYTES], [0; SIGNATURE_BYTES]);
    let mut fill = |part: &mut [u8]| match file.read_exact(part) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(EnvelopeError::NotAPackage),
        result => Ok(result?),
    };
    fill(&mut mark)?;
    if mark != *MARK {
        return Err(EnvelopeError::NotAPackage);
    }
    fill(&mut key)?;
    fill(&mut signature)?;
    Ok((PublicKey::from_bytes(key), signature))
}

/// What is signed: the mark, and the hash of the rest of the file.
fn message(rest: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match rest.read(&mut buffer)? {
            0 => return Ok([&MARK[..], &hash.finalize()].concat()),
            count => hash.update(&buffer[..count]),
        }
    }
}

/// Signs a package, which may be signed already. The file is replaced when it is complete.
///
/// # Errors
/// The file is not a package, or cannot be read or replaced.
pub fn sign(package: &Path, key: &SigningKey) -> Result<(), EnvelopeError> {
    let mut file = File::open(package)?;
    head(&mut file)?;
    let signature = key.sign(&message(&mut file)?);
    let mut signed = beside(package)?;
    for part in [&MARK[..], key.public().bytes(), &signature] {
        signed.write_all(part)?;
    }
    file.seek(SeekFrom::Start(HEAD as u64))?;
    io::copy(&mut file, &mut signed)?;
    keep(signed, package)?;
    Ok(())
}

/// A temporary file beside `path`, which may later take its place.
pub(crate) fn beside(path: &Path) -> io::Result<tempfile::NamedTempFile> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    builder.prefix(".incoming-").tempfile_in(dir)
}

/// Moves a complete temporary file to its place.
pub(crate) fn keep(file: tempfile::NamedTempFile, path: &Path) -> io::Result<()> {
    file.as_file().sync_all()?;
    file.persist(path).map(drop).map_err(|error| error.error)
}
