//! Keys of publishers: Ed25519. A public key is short enough to be compared as it is, so it is its own fingerprint.

use ring::{
    rand::SystemRandom,
    signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    fs::OpenOptions,
    io::{self, Write},
    path::Path,
    str::FromStr,
};

/// The bytes of a public key.
pub(crate) const KEY_BYTES: usize = 32;
/// The bytes of a signature.
pub(crate) const SIGNATURE_BYTES: usize = 64;
const PEM_TAG: &str = "PRIVATE KEY";

/// Why a key cannot be made, read or written.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The text is not a public key.
    #[error("a public key has 64 hexadecimal digits, as `auricle plugin key show` prints them")]
    NotAPublicKey,
    /// The file cannot be read or written.
    #[error("{0}")]
    File(#[from] io::Error),
    /// The file does not hold a private key.
    #[error("does not hold a private key, as `auricle plugin key generate` writes it")]
    NotAPrivateKey,
    /// The system has no random numbers.
    #[error("the system provides no random numbers")]
    Random,
}

/// A publisher's public key.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey([u8; KEY_BYTES]);

impl PublicKey {
    pub(crate) fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    pub(crate) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// Whether the signature of this message is from this key.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(message, signature).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let mut bytes = [0; KEY_BYTES];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| KeyError::NotAPublicKey)?;
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for PublicKey {
    type Error = KeyError;

    fn try_from(text: String) -> Result<Self, KeyError> {
        text.parse()
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        key.to_string()
    }
}

/// A publisher's private key.
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// Makes a key and writes it to a new file that only this user can read (PKCS #8, PEM).
    ///
    /// # Errors
    /// The file exists or cannot be written.
    pub fn generate(file: &Path) -> Result<Self, KeyError> {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| KeyError::Random)?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(file)?.write_all(pem::encode(&pem::Pem::new(PEM_TAG, document.as_ref())).as_bytes())?;
        Self::read(file)
    }

    /// Reads a key.
    ///
    /// # Errors
    /// The file cannot be read, or holds no private key.
    pub fn read(file: &Path) -> Result<Self, KeyError> {
        let text = std::fs::read(file)?;
        let pem = pem::parse(text).ok().filter(|pem| pem.tag() == PEM_TAG).ok_or(KeyError::NotAPrivateKey)?;
        Ed25519KeyPair::from_pkcs8(pem.contents()).map(Self).map_err(|_| KeyError::NotAPrivateKey)
    }

    /// The key that others verify with.
    pub fn public(&self) -> PublicKey {
        let mut bytes = [0; KEY_BYTES];
        bytes.copy_from_slice(self.0.public_key().as_ref());
        PublicKey(bytes)
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_BYTES] {
        let mut bytes = [0; SIGNATURE_BYTES];
        bytes.copy_from_slice(self.0.sign(message).as_ref());
        bytes
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the private key of {}", self.public())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_written_once_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key.pem");
        let made = SigningKey::generate(&file).unwrap();
        assert_eq!(SigningKey::read(&file).unwrap().public(), made.public());
        assert!(matches!(SigningKey::generate(&file), Err(KeyError::File(_))));
        #[cfg(unix)]
        assert_eq!(std::os::unix::fs::MetadataExt::mode(&file.metadata().unwrap()) & 0o777, 0o600);
        assert_eq!(made.public().to_string().parse::<PublicKey>().unwrap(), made.public());
        assert!("abc".parse::<PublicKey>().is_err());
        std::fs::write(&file, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").unwrap();
        assert!(matches!(SigningKey::read(&file), Err(KeyError::NotAPrivateKey)));
    }

    #[test]
    fn a_signature_is_of_one_message_and_one_key() {
        let dir = tempfile::tempdir().unwrap();
        let [one, other] = ["one", "other"].map(|name| SigningKey::generate(&dir.path().join(name)).unwrap());
        let signature = one.sign(b"message");
        assert!(one.public().verifies(b"message", &signature));
        assert!(!one.public().verifies(b"messagf", &signature) && !other.public().verifies(b"message", &signature));
    }
}
