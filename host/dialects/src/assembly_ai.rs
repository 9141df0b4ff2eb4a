//! The protocol of AssemblyAI for live audio, version 3. `docs/dialects.md` describes it for clients.

pub mod messages;
pub mod options;

#[cfg(feature = "server")]
mod connection;
#[cfg(feature = "server")]
mod handshake;
#[cfg(feature = "server")]
mod request;
#[cfg(feature = "server")]
mod settings;

#[cfg(feature = "server")]
pub use handshake::AssemblyAi;
#[cfg(feature = "server")]
pub use settings::AssemblyAiSettings;
