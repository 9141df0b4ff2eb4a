//! The recordings in `fixtures/`: 16 kHz, mono, 16 bit.

use crate::Done;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Samples of a second.
pub(crate) const RATE: f64 = 16_000.0;

/// Where a file of the repository is.
pub(crate) fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file)
}

/// The samples of a WAV file with the shortest of headers.
pub(crate) fn samples(file: &Path) -> Done<Vec<f32>> {
    let bytes = fs::read(file).map_err(|problem| format!("{}: {problem}", file.display()))?;
    let data = bytes.get(44..).unwrap_or_default().as_chunks().0;
    Ok(data.iter().map(|sample| f32::from(i16::from_le_bytes(*sample)) / 32_768.0).collect())
}
