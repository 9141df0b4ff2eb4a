//! The key that all hosts of a cluster have. Threads: any.

use auricle_core::text_file;
use ring::{
    hmac::{self, HMAC_SHA256},
    rand::{SecureRandom, SystemRandom},
};
use std::{
    fmt, io,
    path::{Path, PathBuf},
};

/// The least length of a key in bytes: who listens to a handshake must not be able to guess it.
const LEAST_BYTES: usize = 32;

/// The cluster's key. It proves to each other that two hosts belong together, and is never sent.
#[derive(Clone)]
pub struct ClusterKey(hmac::Key);

/// The file of the cluster's key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ClusterKeyError {
    /// It cannot be read.
    #[error("`cluster.key`: {}: {error}", .file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The cause.
        error: io::Error,
    },
    /// The key is too short.
    #[error(
        "`cluster.key`: {}: the key has {length} characters, and needs {LEAST_BYTES}; `openssl rand -hex 32` makes one",
        .file.display()
    )]
    Short {
        /// The file.
        file: PathBuf,
        /// Its length in bytes.
        length: usize,
    },
}

impl fmt::Debug for ClusterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClusterKey")
    }
}

impl ClusterKey {
    /// Reads the key from a file: its text without white space around it.
    ///
    /// # Errors
    /// The file cannot be read, or the key is too short.
    pub fn read(file: &Path) -> Result<Self, ClusterKeyError> {
        let text = text_file::read(file).map_err(|error| ClusterKeyError::Read { file: file.to_owned(), error })?;
        let key = text.trim();
        if key.len() < LEAST_BYTES {
            return Err(ClusterKeyError::Short { file: file.to_owned(), length: key.len() });
        }
        Ok(Self::new(key))
    }

    /// A key with this text.
    pub fn new(text: &str) -> Self {
        Self(hmac::Key::new(HMAC_SHA256, text.as_bytes()))
    }

    /// The proof of a text, hexadecimal.
    pub(crate) fn proof(&self, text: &str) -> String {
        hex::encode(hmac::sign(&self.0, text.as_bytes()))
    }

    /// Whether this is the proof of a text. Takes the same time wherever they differ.
    pub(crate) fn proves(&self, text: &str, proof: &str) -> bool {
        hex::decode(proof).is_ok_and(|proof| hmac::verify(&self.0, text.as_bytes(), &proof).is_ok())
    }
}

/// A number that nobody can foresee, hexadecimal.
///
/// # Errors
/// The system has none.
pub(crate) fn nonce() -> io::Result<String> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).map_err(|_| io::Error::other("the system gives no random numbers"))?;
    Ok(hex::encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_proof_is_of_one_text_and_one_key() {
        let (key, other) = (ClusterKey::new("one"), ClusterKey::new("two"));
        let proof = key.proof("text");
        assert!(key.proves("text", &proof));
        assert!(!key.proves("texts", &proof) && !other.proves("text", &proof) && !key.proves("text", "zz"));
        assert_ne!(nonce().unwrap(), nonce().unwrap());
    }

    #[test]
    fn a_short_key_is_refused_and_says_how_to_make_one() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("cluster.key");
        assert!(matches!(ClusterKey::read(&file), Err(ClusterKeyError::Read { .. })));
        fs::write(&file, "  secret\n").unwrap();
        let problem = ClusterKey::read(&file).unwrap_err().to_string();
        assert!(problem.contains("the key has 6 characters, and needs 32; `openssl rand"), "{problem}");
        fs::write(&file, format!("{}\r\n", "k".repeat(32))).unwrap();
        let proof = ClusterKey::read(&file).unwrap().proof("text");
        assert!(ClusterKey::new(&"k".repeat(32)).proves("text", &proof));
    }
}
