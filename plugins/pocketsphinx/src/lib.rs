//! Engine `pocketsphinx`: continuous US English by PocketSphinx 5.1.1, on a fifth of a processor core and without a neural
//! network.
//!
//! Audio goes from [`Processor`] (floats in, events out) through the recognizer (what the events are) to the endpointer
//! (where utterances begin and end) and a decoder of the pool in [`Decoders`]. The C library is compiled into the engine;
//! SOURCE.md says where it and the model come from. `unsafe` is in `ffi`, `decoder` and `vad` only.

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

auricle_plugin_api::export_engine!(PocketSphinx);
