//! Decodes, mixes and resamples a client's packets or an audio file.
//!
//! Invariant: the samples depend only on the bytes and their order, not on how they were cut into packets. Bad samples never cause
//! an error: a sample that is cut in two is completed by the next packet, NaN becomes silence, and values beyond full scale are
//! clipped.
//!
//! [`Intake`] converts a client's packets to a model's samples; [`JitterBuffer`] orders packets that can be late or lost. [`AudioFile`] reads a file of any supported container and returns
//! frames for an [`Intake`] or a server. There are no threads and no runtime here.
#![forbid(unsafe_code)]

mod decoder;
pub mod file;
mod intake;
mod opus;
mod packets;
mod pcm;
mod phase;
mod resample;

pub use file::{AudioFile, Damage, ReadError};
pub use intake::{Intake, IntakeError};
pub use packets::{JitterBuffer, PacketCodec, Piece};
pub use resample::ResampleError;
