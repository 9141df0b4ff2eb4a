//! From a client's bytes to the model's samples: decode, mix down, resample.
//!
//! Invariant: what comes out depends only on the bytes in their order, not on how they were cut into frames. Bad bytes
//! (a sample cut in two, NaN, too loud) never fail: they are completed by the next frame, silenced, or clipped.
#![forbid(unsafe_code)]

mod decode;
mod intake;
mod resample;

pub use intake::Intake;
