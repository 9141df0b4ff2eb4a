//! Dialects: the protocols that clients use. Each is an adapter to a session, and knows only its wire messages and the
//! session; the server handles permits, limits and keys.
//!
//! Each has its wire types and, behind features, the server's side and the client's side.
#![forbid(unsafe_code)]

pub mod assembly_ai;
#[cfg(feature = "server")]
mod base64_text;
#[cfg(feature = "client")]
pub mod client;
pub mod deepgram;
#[cfg(feature = "server")]
mod dialect;
#[cfg(feature = "server")]
mod fields;
pub mod hisi;
#[cfg(feature = "server")]
pub mod moshi;
pub mod native;
pub mod openai;
#[cfg(feature = "server")]
mod preset;
mod query;
pub mod realtime;
#[cfg(feature = "server")]
mod rest;
pub mod riva;
pub mod sherpa;
#[cfg(feature = "server")]
mod stage_fields;
#[cfg(feature = "server")]
pub mod telephone;
#[cfg(feature = "server")]
mod turns;
#[cfg(feature = "server")]
mod upload;
#[cfg(feature = "server")]
mod visitor;
pub mod vosk;
#[cfg(feature = "server")]
mod wanted;
pub mod webrtc;
#[cfg(feature = "server")]
pub mod websocket;
pub mod whisper_live;
pub mod whisper_live_kit;
#[cfg(feature = "server")]
mod words;
pub mod wyoming;

#[cfg(feature = "server")]
pub use dialect::{Dialect, SocketDialect};
#[cfg(feature = "server")]
pub use rest::{RefusedRequest, RequestContext, RestDialect};
#[cfg(feature = "server")]
pub use upload::{Upload, Uploads, discard};
#[cfg(feature = "server")]
pub use visitor::Visitor;
