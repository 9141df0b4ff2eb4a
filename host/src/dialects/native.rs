//! The native protocol, `/v1/stream`: the adapter between its messages and a session's events.

pub mod codes;
pub mod messages;

mod connection;
mod handshake;
mod reader;
mod translate;
mod writer;

pub use handshake::Native;
