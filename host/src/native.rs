//! The native protocol, `/v1/stream`: the adapter between its messages and a stream's events.

pub mod messages;

mod connection;
mod reader;
mod translate;
mod writer;

pub use connection::{ConnectionSettings, refuse, serve};
