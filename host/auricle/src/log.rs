//! Writes the log without blocking: a thread that logs never waits for the reader.
//!
//! Lines go into a bounded [`queue`]; a thread of their own writes them (`writer`). A line that does not fit, or cannot
//! be written, is dropped and counted by level. The counts are logged as soon as lines can be written again.

mod queue;
mod writer;

pub(crate) use writer::LogWriter;
