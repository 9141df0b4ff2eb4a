//! The protocol of NVIDIA Riva for speech recognition: gRPC. `docs/dialects.md` describes it for clients.

pub mod messages;

#[cfg(feature = "server")]
mod codes;
#[cfg(feature = "server")]
pub mod options;
#[cfg(feature = "server")]
mod presets;
#[cfg(feature = "server")]
mod recording;
#[cfg(feature = "server")]
mod results;
#[cfg(feature = "server")]
mod service;
#[cfg(feature = "server")]
mod settings;
#[cfg(feature = "server")]
mod stream;

#[cfg(feature = "server")]
pub use service::Riva;
#[cfg(feature = "server")]
pub use settings::RivaSettings;
