//! vosk-server's WebSocket protocol: one answer to each audio message. `docs/dialects.md` describes it for clients.

#[cfg(feature = "client")]
pub mod client;
pub mod config;
pub mod messages;
mod wire;

#[cfg(feature = "server")]
mod connection;
#[cfg(feature = "server")]
mod handshake;
#[cfg(feature = "server")]
pub mod reply;
#[cfg(feature = "server")]
mod settings;
#[cfg(feature = "server")]
mod stream;

#[cfg(feature = "server")]
pub use handshake::Vosk;
#[cfg(feature = "server")]
pub use settings::VoskSettings;
