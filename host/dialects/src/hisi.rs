//! The requests of HISI-interface's clients: files, evaluation, and loading a model. Its connections over WebRTC are `webrtc`'s.
//! `docs/hisi.md` describes them for those who come from that server.

#[cfg(feature = "server")]
mod answer;
#[cfg(feature = "server")]
pub mod configuration;
#[cfg(feature = "server")]
mod evaluate;
#[cfg(feature = "server")]
mod listen;
#[cfg(feature = "server")]
mod requests;
#[cfg(feature = "server")]
mod settings;
#[cfg(feature = "server")]
mod upload;

#[cfg(feature = "server")]
pub use requests::Hisi;
#[cfg(feature = "server")]
pub use settings::HisiSettings;

/// The dialect's name.
#[cfg(feature = "server")]
const NAME: &str = "hisi";
