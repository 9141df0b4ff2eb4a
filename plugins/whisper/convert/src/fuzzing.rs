//! What the fuzzer runs: not part of the API.

use crate::{ModelFileError, WeightsError, decoder, encoder, matrix::Matrices, model_bin, weights};

/// Why bytes are not a Whisper's `model.bin`.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// They cannot be read.
    #[error(transparent)]
    ModelFile(#[from] ModelFileError),
    /// They are something else.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}

/// Reads a `model.bin` and makes networks of it, in memory.
///
/// # Errors
/// As [`convert`](crate::convert) does.
pub fn convert(file: &[u8]) -> Result<(), Refusal> {
    let model = weights::read(model_bin::read(file.to_vec())?)?;
    encoder::network(&model, Matrices::Dynamic);
    decoder::network(&model, Matrices::Blocks, &[(0, 0)]);
    Ok(())
}
