//! The file of keys, followed as it changes.
//!
//! Invariant: who else could write it could let himself in, so that such a file is not read.

use super::keys::{Keys, KeysError};
use crate::reload::Reloaded;
use auricle_engines::plugins::{TrustError, check_writers};
use std::{
    fs, io,
    path::{Path, PathBuf},
};
use tokio_util::sync::CancellationToken;

/// Why the file of keys is not taken.
#[derive(Debug, thiserror::Error)]
pub enum KeysFileError {
    /// Somebody else could write it, or that cannot be told.
    #[error("keys {0}")]
    Trust(TrustError),
    /// There is no reading it.
    #[error("keys {}: {error}", .file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The system's.
        error: io::Error,
    },
    /// What is in it are no keys.
    #[error("keys {}: {problem}", .file.display())]
    Content {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        problem: KeysError,
    },
}

/// The keys of a file; `drain` ends the streams of all.
///
/// # Errors
/// Why there are no keys to begin with.
pub fn read_keys(file: &Path, drain: &CancellationToken) -> Result<Reloaded<Keys>, KeysFileError> {
    let (path, drain) = (file.to_owned(), drain.clone());
    let read = move |before: Option<&Keys>| {
        check_writers(&path).map_err(KeysFileError::Trust)?;
        let text = fs::read_to_string(&path).map_err(|error| KeysFileError::Read { file: path.clone(), error })?;
        let keys = Keys::parse(&text, before, &drain);
        keys.map_err(|problem| KeysFileError::Content { file: path.clone(), problem })
    };
    Reloaded::new(vec![file.to_owned()], read)
}
