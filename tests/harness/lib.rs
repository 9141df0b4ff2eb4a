//! Shared by the end-to-end tests in addition to the test kit: the files of this repository, and the text of its engine
//! `tone`.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test may")]

mod c;
mod clients;
mod files;
mod media_relay;
mod nats;
mod relay;
mod seams;
mod stored_point;
mod tone;
mod variant;

pub use auricle_plugin_test::{
    audio::{bytes, noise, wav},
    server::{Client, Closed, Host, Process, Setup, auricle, host_program, limit},
    skip,
    words::{word_errors, words},
};
pub use c::{c_headers, compile_engine, compile_level, compile_loudness};
pub use clients::{PublishedClients, node, output, printed, python_client};
pub use files::{
    Reading, fixture, library, long, models, reading, runtime, shared_audio, shared_digits, stage_library, staged,
    whisper_wheel,
};
pub use media_relay::{MediaRelay, Weather};
pub use nats::Nats;
pub use relay::Relay;
pub use seams::{Differences, TimedWord, differences, timed};
pub use stored_point::stored_point;
pub use tone::tone_segments;
pub use variant::Variant;
