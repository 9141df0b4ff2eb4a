//! Dialects: protocols that clients speak, each an adapter to a session. One knows its wire messages and the session, nothing
//! else; places, limits and keys are the server's.
//!
//! Each has its wire types, and behind features the server's side and the client's.
#![forbid(unsafe_code)]

#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "server")]
mod dialect;
pub mod native;
pub mod sherpa;
pub mod vosk;
#[cfg(feature = "server")]
pub mod websocket;
pub mod whisper_live;

#[cfg(feature = "server")]
pub use dialect::Dialect;
