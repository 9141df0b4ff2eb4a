//! Shared code of engines for the Auricle server.
//!
//! - [`fbank`]: Kaldi's log-mel filter bank, incremental
//! - [`files`]: a model's files, with support for byte order marks, hidden files and Git LFS pointers
//! - [`logmel`]: Whisper's log-mel spectrogram of a buffer that grows and is cut
//! - [`online`]: streaming for models that can only transcribe a buffer
//! - [`onnx`] (feature `onnx`): ONNX Runtime, one per process, and a model's sessions
//! - [`resources`]: finds files in the server's resource directories
//! - [`vad`]: voice activity detection, by loudness or by Silero's network
//!
//! All of it is plain Rust that is linked into each engine. It is not part of the ABI.

#![forbid(unsafe_code)]

pub mod fbank;
pub mod files;
pub mod logmel;
pub mod online;
#[cfg(feature = "onnx")]
pub mod onnx;
pub mod resources;
pub mod vad;
