//! What bounds a stream.

use serde::{Deserialize, Serialize};

/// Who sets the pace of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    /// The speaker: audio is always taken; a stream that falls too far behind is closed.
    #[default]
    Live,
    /// The server: audio is taken as fast as it is worked on.
    File,
}

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
