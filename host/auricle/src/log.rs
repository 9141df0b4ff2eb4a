//! The log's way out of the process: whoever logs never waits for whoever reads.
//!
//! Lines go into a bounded [`queue`]; a thread of its own writes them (`writer`). What finds no room, or cannot be
//! written, is dropped and counted by level, and one line says so when lines can be written again.

mod queue;
mod writer;

pub(crate) use writer::LogWriter;
