//! What bounds a stream.

use auricle_core::Pace;

/// What bounds a stream.
#[derive(Debug, Clone)]
pub struct StreamSettings {
    /// Who sets the pace.
    pub pace: Pace,
    /// Live: seconds of audio behind before it fails.
    pub max_lag_seconds: f64,
    /// Live: seconds of audio behind from which on it says so.
    pub report_lag_seconds: f64,
    /// File: seconds of audio waiting before its connection is no longer read.
    pub file_buffer_seconds: f64,
    /// Events waiting for the client before the stream pauses; a live one then falls behind, up to its limit.
    pub max_unsent_events: usize,
    /// Bytes of one text.
    pub max_text_bytes: usize,
    /// Events of one call.
    pub max_events_per_call: usize,
    /// Seconds of audio kept for an engine that dies.
    pub replay_seconds: f64,
}
