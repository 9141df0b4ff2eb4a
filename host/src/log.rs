//! The log's way out of the process: whoever logs never waits for whoever reads.
//!
//! Lines go into a bounded [`queue`]; a thread of its own writes them (`writer`). What finds no room, or cannot be
//! written, is dropped and counted by level, and one line says so when lines can be written again.

mod queue;
mod writer;

pub(crate) use queue::{Dropped, takes};
pub use writer::LogWriter;

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    panic::PanicHookInfo,
    thread,
};

/// A panic as one line of the log; with a backtrace below it where `RUST_BACKTRACE` asks for one.
pub(crate) fn describe_panic(info: &PanicHookInfo<'_>) -> String {
    let thread = thread::current();
    let (thread, message) = (thread.name().unwrap_or("unnamed"), info.payload_as_str().unwrap_or("no message"));
    let place = info.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    let line = format!("thread `{thread}` panicked at {place}: {message}");
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured { format!("{line}\n{backtrace}") } else { line }
}
