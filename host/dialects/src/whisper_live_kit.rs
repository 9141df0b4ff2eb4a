//! The protocol of WhisperLiveKit's `/asr`, which its page, its extension for browsers and its command line use.
//! `docs/dialects.md` describes it for clients.

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
mod transcript;

#[cfg(feature = "server")]
pub use handshake::WhisperLiveKit;
#[cfg(feature = "server")]
pub use settings::WhisperLiveKitSettings;
