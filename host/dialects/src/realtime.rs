//! OpenAI's protocol for the transcription of live audio. `docs/dialects.md` describes it for clients.

#[cfg(feature = "server")]
mod asked;
#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "server")]
mod connection;
#[cfg(feature = "server")]
pub mod detection;
#[cfg(feature = "server")]
mod handshake;
#[cfg(feature = "server")]
mod items;
#[cfg(feature = "server")]
pub mod messages;
#[cfg(feature = "server")]
mod settings;
#[cfg(feature = "server")]
mod update;

#[cfg(feature = "server")]
pub use handshake::Realtime;
#[cfg(feature = "server")]
pub use settings::RealtimeSettings;
