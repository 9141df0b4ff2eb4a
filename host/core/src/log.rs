//! What holds for every log of Auricle, in the server and in its workers: how many lines may wait, which are dropped, and how a
//! panic reads.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    fmt,
    panic::PanicHookInfo,
    thread,
};
use tracing::Level;

/// Bytes that may wait.
pub const ROOM: usize = 1 << 20;
/// Once lines were dropped, lines below a warning wait until so little is left: there are few gaps, not one after each line.
pub const LOW: usize = ROOM / 4;

/// Whether a line of this level may join the bytes that wait; `gap`: lines have been dropped since.
pub fn takes(level: Level, length: usize, waiting: usize, gap: bool) -> bool {
    let room = match level {
        Level::ERROR => ROOM,
        Level::WARN => ROOM / 4 * 3,
        _ if gap => LOW,
        _ => ROOM / 2,
    };
    waiting.saturating_add(length) <= room
}

/// How many lines are missing, by level. Displayed as one line.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Dropped([u64; 5]);

impl Dropped {
    /// One more of this level.
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

    /// Those of both.
    pub fn join(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(count, more)| *count += more);
    }

    /// Whether none is missing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("log lines were dropped, for they could not be written in time:")?;
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

/// A panic as one line of the log; with a backtrace below it where `RUST_BACKTRACE` asks for one.
pub fn describe_panic(info: &PanicHookInfo<'_>) -> String {
    let thread = thread::current();
    let (thread, message) = (thread.name().unwrap_or("unnamed"), info.payload_as_str().unwrap_or("no message"));
    let place = info.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    let line = format!("thread `{thread}` panicked at {place}: {message}");
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured { format!("{line}\n{backtrace}") } else { line }
}
