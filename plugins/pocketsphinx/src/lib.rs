//! Engine `pocketsphinx`: continuous US English with PocketSphinx 5.1.1, with a fifth of a processor core and without a
//! neural network.
//!
//! [`Processor`] (floats in, events out) passes the audio to the recognizer (which creates the events), this to the
//! endpointer (where utterances start and end) and to a decoder of the pool in [`Decoders`]. The C library is compiled
//! into the engine; SOURCE.md says where it and the model come from. `unsafe` is only in `ffi`, `decoder` and `vad`.

#[cfg(test)]
mod accuracy;
mod decoder;
mod endpointer;
mod ffi;
mod files;
mod model;
mod processor;
mod recognizer;
mod restart;
#[cfg(test)]
mod testing;
mod vad;

pub use model::{Decoders, PocketSphinx};
pub use processor::Processor;

auricle_plugin_api::export_engine!(
    PocketSphinx;
    claims: {"can": ["partials", "word-times", "confidence", "endpoints"], "needs": []}
);
