//! What engines for the Auricle server share, besides the API they are built against.
//!
//! - [`fbank`]: Kaldi's log-mel filter bank, incremental
//! - [`files`]: a model's files, with byte order marks, hidden files and Git LFS pointers minded
//! - [`logmel`]: Whisper's log-mel spectrogram, of a buffer that grows and is cut
//! - [`online`]: streaming for models that can only transcribe a buffer
//! - [`onnx`] (feature `onnx`): ONNX Runtime, one per process, and a model's sessions
//! - [`resources`]: the server's resource directories, with errors a person can act on
//! - [`vad`]: who speaks when, by loudness or by Silero's network
//!
//! Everything here is plain Rust, linked into each engine: it has no part in the ABI.

#![forbid(unsafe_code)]

pub mod fbank;
pub mod files;
pub mod logmel;
pub mod online;
#[cfg(feature = "onnx")]
pub mod onnx;
pub mod resources;
pub mod vad;
