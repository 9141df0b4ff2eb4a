//! What all of Auricle speaks of: events of a stream, failures, audio formats, times, metrics. No I/O.
#![forbid(unsafe_code)]

mod event;
mod failure;
mod format;
pub mod log;
pub mod metrics;
mod pace;
pub mod permits;
pub mod times;

pub use event::Event;
pub use failure::{Failure, FailureCode, one_line};
pub use format::{AudioFormat, Encoding, FormatError};
pub use pace::Pace;
