//! Engines in a running server: what they recognise, and what becomes of streams when they fail.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod digits;
mod faults;
mod in_process;
mod speech;
mod whisper;
mod workers;
