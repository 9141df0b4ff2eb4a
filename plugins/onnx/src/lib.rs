//! Engine `onnx`: streaming speech recognition with neural networks in ONNX files, like sherpa-onnx.
//!
//! A model is a folder with one ONNX file, or the three of a transducer, whose metadata describe it, and `tokens.txt`.
//! Log-mel features of the audio (`plugin-kit`) go through the `encoder` in windows; its caches are passed to the next
//! window. A `search` finds tokens in its frames, alone (CTC) or with the other networks of a `transducer`; `utterance`
//! combines them to words, and `endpoint` detects the end of an utterance. Streams with complete windows go through the
//! networks together (`batch`). The supported networks are in `kinds`, one file each; `graph` optimizes their files,
//! and `optimize` measures the effect.

#![forbid(unsafe_code)]

mod batch;
mod cache;
mod encoder;
mod endpoint;
mod folder;
#[doc(hidden)]
pub mod fuzzing;
mod graph;
mod hotwords;
mod kinds;
mod model;
mod optimize;
mod options;
mod pieces;
mod processor;
mod restart;
mod search;
mod symbols;
mod token;
mod transducer;
mod utterance;

pub use model::{Loader, Recognizer};
pub use processor::Processor;

auricle_plugin_api::export_engine!(
    Loader;
    claims: {"can": ["partials", "word-times", "confidence", "endpoints", "hotwords"], "needs": []}
);
