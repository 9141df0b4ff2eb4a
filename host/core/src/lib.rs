//! Types that all of Auricle shares: stream events, failures, audio formats, times, subtitles, metrics, word errors, and
//! how text files are read. No other I/O.
#![forbid(unsafe_code)]

pub mod certificate;
mod event;
mod failure;
mod format;
pub mod log;
pub mod metrics;
mod pace;
pub mod permits;
pub mod subtitles;
pub mod text_file;
pub mod times;
pub mod word_errors;
pub mod wording;

pub use event::Event;
pub use failure::{Failure, FailureCode, one_line};
pub use format::{AudioFormat, Encoding, FormatError};
pub use pace::Pace;
