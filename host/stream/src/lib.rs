//! A stream: one client's audio on one processor, from the queue to the events.
//!
//! The connection's task puts audio and commands into the stream's inbox; the model's threads take them out, call the
//! engine, and put events into the outbox; the connection's writer takes those. Nothing else is shared.
#![forbid(unsafe_code)]

mod bounds;
mod call;
mod cost;
mod engine_session;
mod in_process;
mod inbox;
mod model;
mod outbox;
mod replay;
mod scheduler;
mod slot;
mod stream;
#[cfg(test)]
mod tests;
mod turn;

pub use bounds::StreamSettings;
pub use model::{BatchEntry, CallError, Death, Model, Processor};
pub use scheduler::{ModelScheduler, SchedulerSettings};
pub use stream::Stream;
