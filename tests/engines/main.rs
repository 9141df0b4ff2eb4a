//! Engines in a running server: what they recognise, and the consequences of their failures for streams.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod digits;
mod faults;
mod in_process;
mod moonshine;
mod python;
mod python_stages;
mod speech;
mod stages;
mod text;
mod turns;
mod voice_gate;
mod whisper;
mod workers;
