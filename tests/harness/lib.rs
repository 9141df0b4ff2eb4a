//! What the end-to-end tests share: a real host process on real plugin files, and a client that says exactly what a test
//! wants said.
//!
//! No waiting for wall-clock times: tests wait for what must happen, with a limit so long that reaching it is a failure.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test may")]

mod audio;
mod client;
mod host;
mod transcript;
mod variant;

pub use audio::{bytes, noise, tone_segments, wav};
pub use client::{Client, Closed};
pub use host::{
    Host, Setup, auricle, fixture, host_program, library, long, models, runtime, shared_audio, shared_digits, staged,
};
pub use transcript::{errors, words};
pub use variant::Variant;

use std::time::Duration;

/// What must happen happens within this, on any machine.
pub const LIMIT: Duration = Duration::from_secs(60);
