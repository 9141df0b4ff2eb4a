//! The protocol of WhisperLive.

#[cfg(feature = "client")]
pub mod client;
