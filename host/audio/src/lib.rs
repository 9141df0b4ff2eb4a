//! From a client's packets or an audio file to samples: decode, mix down, resample.
//!
//! Invariant: what comes out depends only on the bytes in their order, not on how they were cut into frames. Bad bytes
//! (a sample cut in two, NaN, too loud) never fail: they are completed by the next frame, silenced, or clipped.
//!
//! [`Intake`] takes what a stream brings and makes the model's samples of it; [`AudioFile`] reads a file in whatever
//! container it is and gives frames that an [`Intake`] or a server takes. Nothing here has threads or a runtime.
#![forbid(unsafe_code)]

mod decoder;
pub mod file;
mod intake;
mod opus;
mod pcm;
mod resample;

pub use file::{AudioFile, Damage, ReadError};
pub use intake::{Intake, IntakeError};
pub use resample::ResampleError;
