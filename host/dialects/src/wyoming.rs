//! The Wyoming protocol of Home Assistant: speech recognition over plain TCP. `docs/dialects.md` describes it for clients.

pub mod events;
pub mod frame;

#[cfg(feature = "server")]
mod connection;
#[cfg(feature = "server")]
mod handshake;
#[cfg(feature = "server")]
mod info;
#[cfg(feature = "server")]
mod settings;

#[cfg(feature = "server")]
pub use handshake::Wyoming;
#[cfg(feature = "server")]
pub use settings::WyomingSettings;
