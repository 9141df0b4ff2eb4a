//! Engine `onnx`: streaming speech recognition by neural networks in ONNX files, as sherpa-onnx reads them.
//!
//! A model is a folder with one ONNX file, whose own metadata say what it is, and `tokens.txt`. Audio becomes log-mel features
//! (`plugin-kit`); a window of them goes through the `network`, whose caches come back for the next window; `ctc` takes
//! tokens from its probabilities, `utterance` makes words of them, `endpoint` says where an utterance ends. Which networks
//! can be read is the matter of `kinds`, a room for each.

#![forbid(unsafe_code)]

mod ctc;
mod endpoint;
mod folder;
mod kinds;
mod model;
mod network;
mod processor;
mod restart;
mod symbols;
mod utterance;

pub use model::{Loader, Recognizer};
pub use processor::Processor;

auricle_plugin_api::export_engine!(Loader);
