//! What engines for the Auricle server share, besides the API they are built against.
//!
//! - [`fbank`]: Kaldi's log-mel filter bank, incremental
//! - [`onnx`] (feature `onnx`): ONNX Runtime, one per process, and a model's sessions
//! - [`resources`]: the server's resource directories, with errors a person can act on
//!
//! Everything here is plain Rust, linked into each engine: it has no part in the ABI.

#![forbid(unsafe_code)]

pub mod fbank;
#[cfg(feature = "onnx")]
pub mod onnx;
pub mod resources;
