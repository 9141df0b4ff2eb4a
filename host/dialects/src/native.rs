//! The native protocol at `/v1/stream`: an adapter between its messages and a session's events.

#[cfg(feature = "client")]
pub mod client;
pub mod codes;
pub mod messages;

#[cfg(feature = "server")]
mod connection;
#[cfg(feature = "server")]
mod handshake;
#[cfg(feature = "server")]
mod reader;
#[cfg(feature = "server")]
mod translate;
#[cfg(feature = "server")]
mod writer;

#[cfg(feature = "server")]
pub use handshake::Native;
