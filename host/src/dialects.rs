//! Dialects: protocols that clients speak, each an adapter to a session. One knows its wire messages and the session, nothing
//! else; places, limits and keys are the server's.

mod dialect;
pub mod native;
pub mod vosk;
pub mod websocket;

pub use dialect::Dialect;
