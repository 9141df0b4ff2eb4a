//! Deepgram's protocol for conversations, `/v2/listen` (Flux): the audio is divided into turns.

pub mod messages;
pub mod options;

#[cfg(feature = "server")]
mod connection;
#[cfg(feature = "server")]
mod handshake;
#[cfg(feature = "server")]
mod request;

#[cfg(feature = "server")]
pub use handshake::Flux;
