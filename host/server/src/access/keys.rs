//! API keys: who may open streams, on which presets, and how many.
//!
//! The file of keys holds SHA-256 hashes. That is enough: a key is 192 random bits, so there is nothing to guess that salt or
//! a slow hash would make harder. A key is compared with every hash, each in constant time: how long that takes says
//! nothing of how close it was. What is counted of a key, and the token that ends its streams, outlive a new reading of
//! the file as long as name and hash are the same.

use crate::settings::TomlError;
use auricle_session::{Key, KeyLimits};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, sync::Arc};
use subtle::ConstantTimeEq;
use tokio_util::sync::CancellationToken;

/// Begins every key, so that one that leaked is known for what it is.
const PREFIX: &str = "auricle_";
const RANDOM_BYTES: usize = 24;
const NAME_LENGTH: usize = 64;

/// Why there are no keys, or no new one.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The text is not that of a file of keys.
    #[error(transparent)]
    Toml(#[from] TomlError),
    /// Names stand in logs, in TOML and on terminals.
    #[error("`{0}` is not a key name: 1 to {NAME_LENGTH} letters, digits, `-` and `_`")]
    Name(String),
    /// The hash of the key of this name is none.
    #[error("key `{0}`: `sha256` must be 64 hexadecimal digits")]
    Hash(String),
    /// There is nothing to make a key of.
    #[error("the system gives no random numbers: {0}")]
    Random(getrandom::Error),
    /// A new key cannot be written as TOML.
    #[error("{0}")]
    Entry(toml::ser::Error),
}

/// The file of keys.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeysFile {
    #[serde(default)]
    keys: BTreeMap<String, KeyEntry>,
}

/// A key in the file, by its name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyEntry {
    /// Of the key, 64 hexadecimal digits.
    pub sha256: String,
    /// The presets it may use; all where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presets: Option<Vec<String>>,
    /// Streams at once; no limit of its own where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_streams: Option<usize>,
    /// Whether it opens the operator's routes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub operator: bool,
}

/// A key just made.
#[derive(Debug)]
pub struct NewKey {
    /// What a client shows. Kept nowhere.
    pub secret: String,
    /// What the file says of it, as TOML.
    pub toml: String,
}

impl NewKey {
    /// Makes a key; `entry` holds everything but its hash.
    ///
    /// # Errors
    /// Where the name is not one, or the system has no random numbers.
    pub fn make(name: &str, entry: KeyEntry) -> Result<Self, KeysError> {
        check_name(name)?;
        let mut bytes = [0; RANDOM_BYTES];
        getrandom::fill(&mut bytes).map_err(KeysError::Random)?;
        let secret = format!("{PREFIX}{}", hex::encode(bytes));
        let entry = KeyEntry { sha256: hex::encode(hash(&secret)), ..entry };
        let file = KeysFile { keys: BTreeMap::from([(name.to_owned(), entry)]) };
        let toml = toml::to_string(&file).map_err(KeysError::Entry)?;
        Ok(Self { secret, toml })
    }
}

impl KeyEntry {
    fn limits(&self) -> KeyLimits {
        KeyLimits { presets: self.presets.clone(), max_streams: self.max_streams, operator: self.operator }
    }
}

/// The keys of a file.
#[derive(Debug)]
pub struct Keys(Vec<Known>);

/// A key and the hash of its secret.
#[derive(Debug)]
struct Known {
    hash: [u8; 32],
    key: Arc<Key>,
}

impl Keys {
    /// Reads the text of a file. Keys that `before` had too keep their count of streams; the streams of those that are no
    /// more are told to finish. `drain` ends the streams of all.
    ///
    /// # Errors
    /// What is wrong; nothing has changed then.
    pub fn parse(text: &str, before: Option<&Self>, drain: &CancellationToken) -> Result<Self, KeysError> {
        let file: KeysFile = toml::from_str(text).map_err(|error| TomlError::new(text, &error))?;
        let mut keys = Vec::with_capacity(file.keys.len());
        for (name, entry) in file.keys {
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
                tracing::info!(key = key.name(), "key withdrawn; its streams are finished");
                key.drain().cancel();
            }
        }
        Ok(Self(keys))
    }

    /// The key that this is, if it is one.
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

    /// The key of a name.
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
