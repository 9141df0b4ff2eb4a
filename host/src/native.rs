//! The native protocol, `/v1/stream`.

pub mod messages;
