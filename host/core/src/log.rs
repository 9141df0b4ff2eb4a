//! Rules for every log, in the server and in its workers: how many bytes may wait, which lines are dropped, and how a
//! panic is formatted.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    fmt,
    panic::PanicHookInfo,
    thread,
};
use tracing::Level;

/// The number of bytes that may wait to be written.
pub const ROOM: usize = 1 << 20;
/// After lines were dropped, lines below the level of a warning are dropped until fewer bytes than this wait. This
/// gives a few long gaps instead of many short ones.
pub const LOW: usize = ROOM / 4;

/// Whether a line of this level and length in bytes may be queued behind `waiting` bytes. `gap`: lines were dropped
/// since the last line that was queued.
pub fn takes(level: Level, length: usize, waiting: usize, gap: bool) -> bool {
    let room = match level {
        Level::ERROR => ROOM,
        Level::WARN => ROOM / 4 * 3,
        _ if gap => LOW,
        _ => ROOM / 2,
    };
    waiting.saturating_add(length) <= room
}

/// The number of dropped lines by level. Displays as one line.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Dropped([u64; 5]);

impl Dropped {
    /// Counts one dropped line.
    pub fn add(&mut self, level: Level) {
        let index = match level {
            Level::ERROR => 0,
            Level::WARN => 1,
            Level::INFO => 2,
            Level::DEBUG => 3,
            Level::TRACE => 4,
        };
        self.0[index] += 1;
    }

    /// Adds the counts of `other`.
    pub fn join(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(count, more)| *count += more);
    }

    /// Whether no line was dropped.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("log lines were dropped because they could not be written in time:")?;
        let mut comma = "";
        for (name, count) in ["error", "warn", "info", "debug", "trace"].iter().zip(self.0) {
            if count > 0 {
                write!(f, "{comma} {count} {name}")?;
                comma = ",";
            }
        }
        Ok(())
    }
}

/// Formats a panic as one line for the log, followed by a backtrace if `RUST_BACKTRACE` enables it.
pub fn describe_panic(info: &PanicHookInfo<'_>) -> String {
    let thread = thread::current();
    let (thread, message) = (thread.name().unwrap_or("unnamed"), info.payload_as_str().unwrap_or("no message"));
    let location = info.location().map_or_else(|| "an unknown location".to_owned(), ToString::to_string);
    let line = format!("thread `{thread}` panicked at {location}: {message}");
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured { format!("{line}\n{backtrace}") } else { line }
}
