//! vosk-server's WebSocket protocol: audio in, one answer to each message of it. `docs/dialects.md` describes it for clients.

pub mod config;
mod connection;
mod handshake;
pub mod messages;
pub mod reply;
mod stream;
mod wire;

pub use handshake::{Vosk, VoskSettings};
