//! The protocols of Deepgram for live audio, and its requests for recordings. `docs/dialects.md` describes it for clients.

pub mod flux;
mod ignored;
pub mod messages;
pub mod options;

#[cfg(feature = "server")]
mod channel_results;
#[cfg(feature = "server")]
mod codes;
#[cfg(feature = "server")]
mod connection;
#[cfg(feature = "server")]
mod handshake;
#[cfg(feature = "server")]
mod headers;
#[cfg(feature = "server")]
mod recording;
#[cfg(feature = "server")]
mod request;
#[cfg(feature = "server")]
mod response;
#[cfg(feature = "server")]
mod results;
#[cfg(feature = "server")]
mod settings;
#[cfg(feature = "server")]
mod transcript;
#[cfg(feature = "server")]
mod utterance;
#[cfg(feature = "server")]
mod words;

#[cfg(feature = "server")]
pub use handshake::Deepgram;
#[cfg(feature = "server")]
pub use settings::DeepgramSettings;
