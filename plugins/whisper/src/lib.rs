//! Engine `whisper`: Whisper in Hugging Face's ONNX layout, with streaming by LocalAgreement.
//!
//! A model is a folder as exported by Optimum, or as converted from one by `convert/` (`folder`, `network`). The
//! features of a stream's buffer (`listening`) go through the encoder and, token by token, through the decoder
//! (`decoding`), under the rules for the next token (`rules`, `repetition`), and again at a higher temperature if the
//! text was bad (`fallback`). The tokens become passages and words (`passages`) with times (`alignment`). `plugin-kit`
//! does the streaming.

#![forbid(unsafe_code)]

mod alignment;
mod config;
mod decoding;
mod fallback;
mod folder;
#[cfg(test)]
mod golden;
mod language;
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
mod window;

pub use model::{Loader, Whisper};
pub use transcriber::Listener;

auricle_plugin_api::export_engine!(
    Loader;
    claims: {"can": ["partials", "word-times", "confidence", "hotwords"], "needs": []}
);
