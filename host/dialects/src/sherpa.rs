//! The protocol of sherpa-onnx's online servers.

#[cfg(feature = "client")]
pub mod client;
