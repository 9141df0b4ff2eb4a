//! The recordings in `fixtures/`: 16 kHz, mono, 16 bit.

use std::path::{Path, PathBuf};

/// Samples of a second.
pub(crate) const RATE: f64 = 16_000.0;

/// The path of a file in the repository.
pub(crate) fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file)
}
