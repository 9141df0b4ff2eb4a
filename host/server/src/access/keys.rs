//! API keys: who may open streams, with which presets, and how many.
//!
//! The key file holds SHA-256 hashes. A salt or a slow hash would add nothing, because a key has 192 random bits and
//! cannot be guessed. A presented key is compared with every hash in constant time, so the time reveals nothing about
//! the match. When the file is read again, a key with the same name and hash keeps its stream count and the token that
//! ends its streams.

use crate::settings::TomlError;
use auricle_session::{Key, KeyLimits};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, sync::Arc};
use subtle::ConstantTimeEq;
use tokio_util::sync::CancellationToken;

/// Prefix of every key, so that a leaked key can be recognised.
const PREFIX: &str = "auricle_";
const RANDOM_BYTES: usize = 24;
const NAME_LENGTH: usize = 64;

/// A key file is invalid, or a key cannot be created.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The text is not valid TOML, or not that of a key file.
    #[error(transparent)]
    Toml(#[from] TomlError),
    /// Names stand in logs, in TOML and on terminals.
    #[error("`{0}` is not a key name: 1 to {NAME_LENGTH} letters, digits, `-` and `_`")]
    Name(String),
    /// The hash of the key with this name is malformed.
    #[error("key `{0}`: `sha256` must be 64 hexadecimal digits")]
    Hash(String),
    /// The system provides no random numbers.
    #[error("the system provides no random numbers: {0}")]
    Random(getrandom::Error),
    /// The entry of a new key cannot be written as TOML.
    #[error("{0}")]
    Entry(toml::ser::Error),
}

/// The content of the key file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeysFile {
    #[serde(default)]
    keys: BTreeMap<String, KeyEntry>,
}

/// An entry of the key file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyEntry {
    /// SHA-256 of the key, 64 hexadecimal digits.
    pub sha256: String,
    /// The presets the key may use; `None` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presets: Option<Vec<String>>,
    /// Maximum number of concurrent streams; `None` for no limit per key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_streams: Option<usize>,
    /// Whether the key allows the operator's routes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub operator: bool,
}

/// A new key.
#[derive(Debug)]
pub struct NewKey {
    /// The key itself, for the client. Not stored.
    pub secret: String,
    /// The entry for the key file, as TOML.
    pub toml: String,
}

impl NewKey {
    /// Creates a key. `entry` holds everything but the hash.
    ///
    /// # Errors
    /// The name is invalid, or the system provides no random numbers.
    pub fn make(name: &str, entry: KeyEntry) -> Result<Self, KeysError> {
        check_name(name)?;
        let (secret, sha256) = Self::secret()?;
        let entry = KeyEntry { sha256, ..entry };
        let file = KeysFile { keys: BTreeMap::from([(name.to_owned(), entry)]) };
        let toml = toml::to_string(&file).map_err(KeysError::Entry)?;
        Ok(Self { secret, toml })
    }

    /// A new secret, and its hash as in the file.
    pub(super) fn secret() -> Result<(String, String), KeysError> {
        let mut bytes = [0; RANDOM_BYTES];
        getrandom::fill(&mut bytes).map_err(KeysError::Random)?;
        let secret = format!("{PREFIX}{}", hex::encode(bytes));
        let sha256 = hex::encode(hash(&secret));
        Ok((secret, sha256))
    }
}

impl KeyEntry {
    /// The entries of a key file, by name.
    pub(super) fn parse_all(text: &str) -> Result<BTreeMap<String, Self>, KeysError> {
        let file: KeysFile = TomlError::parse(text)?;
        Ok(file.keys)
    }

    fn limits(&self) -> KeyLimits {
        KeyLimits { presets: self.presets.clone(), max_streams: self.max_streams, operator: self.operator }
    }
}

/// The keys in a file.
#[derive(Debug)]
pub struct Keys(Vec<Known>);

/// A key and the hash of its secret.
#[derive(Debug)]
struct Known {
    hash: [u8; 32],
    key: Arc<Key>,
}

impl Keys {
    /// Parses a key file. Keys that were in `before` keep their stream count; the streams of removed keys are finished.
    /// `drain` ends all streams.
    ///
    /// # Errors
    /// The file is invalid; `before` stays unchanged.
    pub fn parse(text: &str, before: Option<&Self>, drain: &CancellationToken) -> Result<Self, KeysError> {
        let entries = KeyEntry::parse_all(text)?;
        let mut keys = Vec::with_capacity(entries.len());
        for (name, entry) in entries {
            check_name(&name)?;
            let mut hash = [0; 32];
            hex::decode_to_slice(&entry.sha256, &mut hash).map_err(|_| KeysError::Hash(name.clone()))?;
            let same = before.and_then(|before| before.0.iter().find(|known| known.is(&name, hash)));
            let key = match same {
                Some(known) => known.key.with_limits(entry.limits()),
                None => Key::new(name, entry.limits(), drain.child_token()),
            };
            keys.push(Known { hash, key: Arc::new(key) });
        }
        for Known { hash, key } in before.into_iter().flat_map(|before| &before.0) {
            if !keys.iter().any(|kept| kept.is(key.name(), *hash)) {
                tracing::info!(key = key.name(), "key removed; finishing its streams");
                key.drain().cancel();
            }
        }
        Ok(Self(keys))
    }

    /// Finds a key by its secret.
    pub fn find(&self, secret: &str) -> Option<&Arc<Key>> {
        let hash = hash(secret);
        let mut found = None;
        for known in &self.0 {
            if bool::from(known.hash.ct_eq(&hash)) {
                found = Some(&known.key);
            }
        }
        found
    }

    /// The names of the keys.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|known| known.key.name())
    }

    /// Finds a key by its name.
    pub fn named(&self, name: &str) -> Option<&Arc<Key>> {
        self.0.iter().map(|known| &known.key).find(|key| key.name() == name)
    }
}

impl Known {
    fn is(&self, name: &str, hash: [u8; 32]) -> bool {
        self.key.name() == name && self.hash == hash
    }
}

fn check_name(name: &str) -> Result<(), KeysError> {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    if (1..=NAME_LENGTH).contains(&name.len()) && name.chars().all(plain) {
        return Ok(());
    }
    Err(KeysError::Name(name.to_owned()))
}

fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use auricle_core::FailureCode;

    const ENTRY: KeyEntry = KeyEntry { sha256: String::new(), presets: None, max_streams: None, operator: false };

    fn parse(text: &str, before: Option<&Keys>) -> Result<Keys, KeysError> {
        Keys::parse(text, before, &CancellationToken::new())
    }

    #[test]
    fn a_key_is_found_by_its_secret_alone() {
        let limited = KeyEntry { presets: Some(vec!["a \"b\"".into()]), max_streams: Some(2), operator: true, ..ENTRY };
        let (one, two) = (NewKey::make("one", limited).unwrap(), NewKey::make("two", ENTRY).unwrap());
        assert!(one.secret.starts_with(PREFIX) && one.secret != two.secret && !one.toml.contains(&one.secret));
        let keys = parse(&format!("{}{}", one.toml, two.toml), None).unwrap();
        let key = keys.find(&one.secret).unwrap();
        assert_eq!((key.name(), key.is_operator()), ("one", true));
        assert!(key.may_use("a \"b\"") && !key.may_use("c"));
        let key = keys.find(&two.secret).unwrap();
        assert!(key.may_use("c") && !key.is_operator());
        for wrong in ["", "one", &one.secret[1..], &hex::encode(hash(&one.secret))] {
            assert!(keys.find(wrong).is_none());
        }
    }

    #[test]
    fn places_are_counted_over_a_new_reading_and_withdrawn_keys_end() {
        let key = NewKey::make("one", KeyEntry { max_streams: Some(1), ..ENTRY }).unwrap();
        let first = parse(&key.toml, None).unwrap();
        let place = first.find(&key.secret).unwrap().take_place().unwrap();
        let second = parse(&key.toml, Some(&first)).unwrap();
        assert_eq!(second.find(&key.secret).unwrap().take_place().unwrap_err().code, FailureCode::KeyStreams);
        drop(place);
        drop(second.find(&key.secret).unwrap().take_place().unwrap());
        parse("[keys.one]\nsha256 = \"?\"", Some(&second)).unwrap_err();
        assert!(!first.0[0].key.drain().is_cancelled());
        parse("", Some(&second)).unwrap();
        assert!(first.0[0].key.drain().is_cancelled());
    }

    #[test]
    fn what_is_wrong_is_told_in_a_line() {
        for (text, problem) in [
            ("[keys.one]", "sha256"),
            ("[keys.one]\nsha256 = \"abc\"", "key `one`: `sha256` must be 64"),
            ("[keys.one]\nsha265 = \"abc\"", "line 2"),
            ("[keys.\"o n e\"]\nsha256 = \"abc\"", "`o n e` is not a key name"),
        ] {
            let error = parse(text, None).unwrap_err().to_string();
            assert!(error.contains(problem) && error.lines().count() == 1, "{error}");
        }
    }
}
