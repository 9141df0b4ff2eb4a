//! Types that all of Auricle shares: stream events, failures, audio formats, times, subtitles, metrics, word errors, the
//! messages of the native protocol, and how text files are read. No other I/O. Without feature `host`: what clients need;
//! subtitles also have a feature of their own.
#![forbid(unsafe_code)]

pub mod certificate;
#[cfg(feature = "host")]
mod event;
mod failure;
mod format;
pub mod log;
#[cfg(feature = "host")]
pub mod metrics;
pub mod native;
#[cfg(feature = "host")]
pub mod normalizer;
mod pace;
pub mod permits;
#[cfg(feature = "subtitles")]
pub mod subtitles;
pub mod text_file;
pub mod times;
pub mod word_errors;
pub mod wording;

#[cfg(feature = "host")]
pub use event::{Event, Warning};
pub use failure::{Failure, FailureCode, one_line};
pub use format::{AudioFormat, Encoding, FormatError};
pub use pace::Pace;
