//! The entry point of the fuzzer. Not part of the API.

use crate::{ModelFileError, WeightsError, decoder, encoder, matrix::Matrices, model_bin, weights};

/// Why a `model.bin` was refused.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It is not a readable file of CTranslate2.
    #[error(transparent)]
    ModelFile(#[from] ModelFileError),
    /// It does not contain a Whisper model.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}

/// Reads a `model.bin` and builds its networks in memory.
///
/// # Errors
/// If the file is damaged or is not a Whisper model.
pub fn convert(file: &[u8]) -> Result<(), Refusal> {
    let model = weights::read(model_bin::read(file.to_vec())?)?;
    encoder::network(&model, Matrices::Dynamic);
    decoder::network(&model, Matrices::Blocks, &[(0, 0)]);
    Ok(())
}
