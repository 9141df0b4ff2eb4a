//! Bulk transcription: files are submitted to a work queue in NATS JetStream, workers transcribe them on servers, results go to an
//! object store.
//!
//! Invariant: a file, with a preset and its options, has one result, however often its job is delivered and whenever a worker
//! dies: the result's name is the hash of all three, and it is written only if it is not there. A job leaves the queue when its result is
//! written, or when it is recorded as dead. Threads: tasks of the caller's runtime; files are decoded on threads of their own.

#![forbid(unsafe_code)]

mod broker;
mod dead;
mod error;
mod job;
mod store;
mod submit;
mod transcribe;
mod watch;
mod worker;

pub use broker::{Broker, BrokerSettings, Counts};
pub use dead::Dead;
pub use error::JobsError;
pub use job::{Audio, Job};
pub use store::{Store, StoreError};
pub use submit::{Submission, submit};
pub use watch::Outcome;
pub use worker::Worker;
