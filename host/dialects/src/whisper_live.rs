//! The protocol of WhisperLive. `docs/dialects.md` describes it for clients.

#[cfg(feature = "client")]
pub mod client;
pub mod messages;
pub mod options;

#[cfg(feature = "server")]
mod connection;
#[cfg(feature = "server")]
mod handshake;
#[cfg(feature = "server")]
mod settings;

#[cfg(feature = "server")]
pub use handshake::WhisperLive;
#[cfg(feature = "server")]
pub use settings::WhisperLiveSettings;
