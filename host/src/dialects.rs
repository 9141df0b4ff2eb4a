//! Dialects: each an adapter between a client protocol and a session. One knows its wire messages and the session, nothing else.

mod dialect;
pub mod native;
pub mod websocket;

pub use dialect::Dialect;
