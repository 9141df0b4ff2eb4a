//! The limits of a stream.

use super::SharedBacklog;
use auricle_core::Pace;
use std::time::Duration;

/// The limits of a stream.
#[derive(Debug, Clone)]
pub struct StreamSettings {
    /// Who sets the pace.
    pub pace: Pace,
    /// Live streams: seconds that audio may wait for the engine before the stream fails.
    pub max_lag_seconds: f64,
    /// Live streams: seconds that audio waits for the engine from which the stream reports its lag.
    pub report_lag_seconds: f64,
    /// Live streams: seconds of unprocessed audio beyond which the stream fails.
    pub max_backlog_seconds: f64,
    /// Live streams: the unprocessed audio of all of them beyond `max_lag_seconds` each.
    pub shared_backlog: SharedBacklog,
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
    /// Seconds of speech without text after which an engine in a worker is started anew, if ever.
    pub mute_seconds: Option<f64>,
}

impl StreamSettings {
    /// How often the lag is looked at while neither the client nor the engine does anything: as often as its limits need,
    /// and every second at least.
    pub(super) fn check_every(&self) -> Duration {
        Duration::from_secs_f64(self.report_lag_seconds.min(self.max_lag_seconds).clamp(0.01, 1.0))
    }
}
