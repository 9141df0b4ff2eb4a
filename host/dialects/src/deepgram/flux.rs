//! Deepgram's protocol for conversations, `/v2/listen` (Flux): the audio is divided into turns.

pub mod messages;
pub mod options;
mod thresholds;

#[cfg(feature = "server")]
mod connection;
#[cfg(feature = "server")]
mod handshake;
#[cfg(feature = "server")]
mod request;
#[cfg(feature = "server")]
mod stage;

#[cfg(feature = "server")]
pub use handshake::Flux;
