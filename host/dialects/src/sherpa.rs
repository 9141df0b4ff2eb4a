//! The protocols of sherpa-onnx's WebSocket servers: online (texts while audio arrives) and offline (one text for each
//! recording). `docs/dialects.md` describes them for clients.

#[cfg(feature = "client")]
pub mod client;
pub mod messages;
pub mod upload;

#[cfg(feature = "server")]
mod handshake;
#[cfg(feature = "server")]
mod offline;
#[cfg(feature = "server")]
mod online;
#[cfg(feature = "server")]
mod settings;
#[cfg(feature = "server")]
mod tokens;

#[cfg(feature = "server")]
pub use handshake::{Sherpa, SherpaOffline};
#[cfg(feature = "server")]
pub use settings::SherpaSettings;
