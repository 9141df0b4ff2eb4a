//! A stream: one client's audio on one processor, from the queue of audio to the events.
//!
//! The connection's reading task puts audio and commands into the stream's inbox. The model's threads take them, call
//! the engine, and put events into the outbox. The connection's writing task takes the events. They share nothing else.
#![forbid(unsafe_code)]

mod backlog;
mod bounds;
mod call;
mod cost;
mod engine_session;
mod hosted;
mod in_process;
mod inbox;
mod lag;
mod model;
mod mute;
mod outbox;
mod overlap;
mod point;
mod replay;
mod scheduler;
mod slot;
mod stream;
#[cfg(test)]
mod tests;
mod turn;
mod turns;
mod usage;

pub use backlog::SharedBacklog;
pub use bounds::StreamSettings;
pub use model::{BatchEntry, CallError, Death, Model, Processor};
pub use point::{Continuation, GridStart, StreamPoint};
pub use scheduler::{ModelScheduler, SchedulerSettings};
pub use stream::Stream;
pub use usage::StreamUsage;
