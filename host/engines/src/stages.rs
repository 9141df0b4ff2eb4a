//! Stages: plugins of the second kind, which hear the audio and the events of a stream and add, change or withhold events.
//!
//! A preset lists them. They run where its engine runs, in the same worker: [`Staged`] is a model around the engine's model, so the
//! queue, the limits, the watchdog and the recovery of an engine hold for the chain. Threads: those of the model.
//!
//! Invariants: a restart point of the engine goes down the chain as a barrier. Each stage is asked for its state there, and the client
//! gets only the whole as a point, so that engine and stages are recovered together. A stage hears all audio once, before the events
//! whose times lie in it. What leaves the chain is counted and checked as that of an engine.

mod chain;
mod error;
mod list;
mod numbers;
mod staged;
mod state;
#[cfg(test)]
mod tests;

pub(crate) use error::of_stage;
pub use list::{STAGE, STAGES, list};
pub use staged::Staged;
