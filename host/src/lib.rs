//! Auricle: a real-time speech-recognition server whose engines are shared libraries.
#![forbid(unsafe_code)]

pub mod access;
pub mod admission;
pub mod audio;
pub mod catalog;
pub mod cli;
pub mod client;
pub mod crash;
pub mod failure;
pub mod journal;
pub mod load;
pub mod log;
pub mod metrics;
pub mod model;
pub mod native;
pub mod platform;
pub mod plugins;
pub mod presets;
pub mod reload;
pub mod server;
pub mod settings;
pub mod stream;
pub mod worker;
