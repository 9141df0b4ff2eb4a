//! Reads the key file, again whenever it changes.
//!
//! Invariant: a file that other users can write is not read, since they could add keys.

use super::keys::{Keys, KeysError};
use crate::reload::Reloaded;
use auricle_core::text_file;
use auricle_engines::plugins::{TrustError, check_writers};
use std::{
    io,
    path::{Path, PathBuf},
};
use tokio_util::sync::CancellationToken;

/// The key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysFileError {
    /// Other users can write the file, or its permissions cannot be read.
    #[error("keys {0}")]
    Trust(TrustError),
    /// The file cannot be read.
    #[error("keys {}: {error}", .file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The cause.
        error: io::Error,
    },
    /// The content is invalid.
    #[error("keys {}: {problem}", .file.display())]
    Content {
        /// The file.
        file: PathBuf,
        /// The cause.
        problem: KeysError,
    },
}

/// Reads the keys in a file. `drain` ends all streams.
///
/// # Errors
/// The file cannot be used when the server starts.
pub fn read_keys(file: &Path, drain: &CancellationToken) -> Result<Reloaded<Keys>, KeysFileError> {
    let (path, drain) = (file.to_owned(), drain.clone());
    let read = move |before: Option<&Keys>| {
        check_writers(&path).map_err(KeysFileError::Trust)?;
        let text = text_file::read(&path).map_err(|error| KeysFileError::Read { file: path.clone(), error })?;
        let keys = Keys::parse(&text, before, &drain);
        keys.map_err(|problem| KeysFileError::Content { file: path.clone(), problem })
    };
    Reloaded::new(vec![file.to_owned()], read)
}
