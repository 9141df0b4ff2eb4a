//! Engine `onnx`: streaming speech recognition by neural networks in ONNX files, as sherpa-onnx reads them.
//!
//! A model is a folder with one ONNX file, or three of a transducer, whose own metadata say what it is, and `tokens.txt`.
//! Audio becomes log-mel features (`plugin-kit`); a window of them goes through the `encoder`, whose caches come back for the
//! next window; a `search` takes tokens from its frames, of themselves (CTC) or with a `transducer`'s other networks;
//! `utterance` makes words of them, `endpoint` says where an utterance ends. Streams whose windows are there together go
//! through the networks together (`batch`). Which networks can be read is the matter of `kinds`, a room for each; `graph`
//! optimizes their files, and `optimize` measures the effect.

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

auricle_plugin_api::export_engine!(Loader);
