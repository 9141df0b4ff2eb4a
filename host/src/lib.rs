//! Auricle: a real-time speech-recognition server whose engines are shared libraries.
#![forbid(unsafe_code)]

pub mod access;
pub mod audio;
pub mod cli;
pub mod client;
pub mod crash;
pub mod dialects;
pub mod engines;
pub mod failure;
pub mod load;
pub mod log;
pub mod metrics;
pub mod permits;
pub mod platform;
pub mod reload;
pub mod server;
pub mod session;
pub mod stamp;
pub mod stream;
pub mod times;
