//! Engine `whisper`: Whisper in Hugging Face's ONNX layout, made streaming by LocalAgreement.
//!
//! A model is a folder as Optimum exports it. A stream's buffer becomes features (`listening`), goes through the encoder
//! and token by token through the decoder (`network`, `greedy`) under the rules of what may follow (`rules`), again at a
//! higher temperature where that went wrong (`fallback`), and is read as passages and words (`passages`). Streaming is
//! `plugin-kit`'s.

#![forbid(unsafe_code)]

mod config;
mod fallback;
mod folder;
#[cfg(test)]
mod golden;
mod greedy;
mod listening;
mod model;
mod network;
mod passages;
mod rules;
#[cfg(test)]
mod testing;
mod transcriber;
mod vocabulary;

pub use model::{Loader, Whisper};
pub use transcriber::Listener;

auricle_plugin_api::export_engine!(Loader);
