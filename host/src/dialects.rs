//! The dialects: protocols of other servers, spoken so that their clients work unchanged. Each has a room of its own, which
//! knows its wire and when it answers; streams, limits and keys are the server's.

pub mod vosk;
