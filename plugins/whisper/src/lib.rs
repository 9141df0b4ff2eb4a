//! Engine `whisper`: Whisper in Hugging Face's ONNX layout, made streaming by LocalAgreement.
//!
//! A model is a folder as Optimum exports it, or as `convert/` makes it of one (`folder`, `network`). A stream's buffer becomes
//! features (`listening`), goes through the encoder and token by token through the decoder (`decoding`) under
//! the rules of what may follow (`rules`, `repetition`), again at a higher temperature where that went wrong (`fallback`), and is
//! read as passages and words (`passages`) with their times (`alignment`). Streaming is `plugin-kit`'s.

#![forbid(unsafe_code)]

mod alignment;
mod config;
mod decoding;
mod fallback;
mod folder;
#[cfg(test)]
mod golden;
mod listening;
mod logits;
mod model;
mod network;
mod passages;
mod repetition;
mod rules;
#[cfg(test)]
mod testing;
mod timing;
mod transcriber;
mod vocabulary;

pub use model::{Loader, Whisper};
pub use transcriber::Listener;

auricle_plugin_api::export_engine!(Loader);
