//! The native protocol at `/v1/stream`: an adapter between its messages and a session's events.

#[cfg(feature = "client")]
pub mod client;
pub mod codes;

#[cfg(feature = "server")]
mod connection;
#[cfg(feature = "server")]
mod handshake;
#[cfg(feature = "server")]
mod reader;
#[cfg(feature = "server")]
mod resumption;
#[cfg(feature = "server")]
pub(crate) mod translate;
#[cfg(feature = "server")]
mod writer;

/// The wire types, which clients use too.
pub use auricle_core::native as messages;
#[cfg(feature = "server")]
pub use handshake::Native;
