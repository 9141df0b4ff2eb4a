//! The limits of a stream.

use auricle_core::Pace;

/// The limits of a stream.
#[derive(Debug, Clone)]
pub struct StreamSettings {
    /// Who sets the pace.
    pub pace: Pace,
    /// Live streams: seconds of unprocessed audio at which the stream fails.
    pub max_lag_seconds: f64,
    /// Live streams: seconds of unprocessed audio from which the stream reports its lag.
    pub report_lag_seconds: f64,
    /// Files: seconds of unprocessed audio above which the connection is not read.
    pub file_buffer_seconds: f64,
    /// Unsent events at which the stream pauses. A live stream then falls behind, up to its limit.
    pub max_unsent_events: usize,
    /// The largest size of one text, in bytes.
    pub max_text_bytes: usize,
    /// The largest number of events of one call.
    pub max_events_per_call: usize,
    /// Seconds of audio kept for a replay if the engine dies.
    pub replay_seconds: f64,
}
