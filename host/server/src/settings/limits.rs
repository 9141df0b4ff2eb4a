//! `[limits]` and `[timeouts]`, with their defaults.

use super::error::SettingsError;
use auricle_core::times::is_wait;
use serde::Deserialize;

/// Limits on what clients and engines may use.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Maximum number of open streams.
    pub max_streams: usize,
    /// Maximum number of open connections, streams and others; by default twice `max_streams`, plus 200.
    pub max_connections: Option<usize>,
    /// Maximum number of open connections per address (per /64 in IPv6); by default half of `max_connections`.
    pub max_connections_per_address: Option<usize>,
    /// Maximum size of a WebSocket message, in bytes.
    pub max_message_bytes: usize,
    /// Minimum rate of a request's body, in bytes per second on average.
    pub min_body_bytes_per_second: f64,
    /// Maximum size of a file in a request, in bytes.
    pub max_upload_bytes: usize,
    /// Maximum length of the audio in such a file, in seconds.
    pub max_upload_seconds: f64,
    /// Maximum size of all such files that are in memory, in bytes.
    pub max_shared_upload_bytes: u64,
    /// Lag in seconds (how long audio has waited for the engine) at which a live stream is closed.
    pub max_lag_seconds: f64,
    /// Lag, in seconds, from which the client is informed.
    pub report_lag_seconds: f64,
    /// If more than half of a model's live streams lag by this many seconds, it accepts no more streams.
    pub refuse_lag_seconds: f64,
    /// Seconds of audio of a live stream that may wait for the engine.
    pub max_backlog_seconds: f64,
    /// Seconds of audio that may wait for the engines in all live streams together, beyond `max_lag_seconds` in each.
    pub max_shared_backlog_seconds: f64,
    /// Share of the time that a model's threads may be busy before it accepts no more live streams.
    pub max_load: f64,
    /// Seconds of audio of a file stream that may wait before the server stops reading.
    pub file_buffer_seconds: f64,
    /// Number of events that may wait for a client before its stream pauses. (A live stream then falls behind, up to
    /// its limit.)
    pub max_unsent_events: usize,
    /// Maximum size of one text from an engine, in bytes.
    pub max_text_bytes: usize,
    /// Maximum number of events from an engine in one call.
    pub max_events_per_call: usize,
    /// Number of calls past their time limit after which a model is refused.
    pub max_call_timeouts: u32,
    /// Seconds of audio kept per stream for replay after its worker process dies; if more is needed, there is a gap.
    pub replay_seconds: f64,
    /// Maximum number of a model's streams with a dedicated worker process, after a worker died during one of their
    /// calls.
    #[serde(alias = "max_apart")]
    pub max_dedicated_workers: usize,
    /// Number of different streams that must cause deaths of a plugin's worker processes, within `quarantine_seconds`,
    /// to quarantine the plugin.
    pub quarantine_streams: usize,
    /// See `quarantine_streams`.
    pub quarantine_seconds: f64,
    /// Number of crash reports to keep; older ones are deleted.
    pub max_crash_reports: usize,
}

/// Time limits, in seconds.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Timeouts {
    /// Default for each phase of a request: the next four fields.
    pub request_seconds: f64,
    /// For the TLS handshake; by default `request_seconds`.
    pub handshake_seconds: Option<f64>,
    /// For the head of a request, including the wait for the next one; by default `request_seconds`.
    pub head_seconds: Option<f64>,
    /// For the first bytes of a body; then `limits.min_body_bytes_per_second` applies. By default `request_seconds`.
    pub body_seconds: Option<f64>,
    /// For each wait until the client accepts more of a response; by default `request_seconds`.
    pub answer_seconds: Option<f64>,
    /// From opening the connection to `start`.
    pub start_seconds: f64,
    /// Without any frame from the client, pongs included.
    pub idle_seconds: f64,
    /// For each wait until the client accepts more of a stream's messages.
    pub write_seconds: f64,
    /// For open streams to end after the server is asked to stop.
    pub drain_seconds: f64,
    /// For one call of an engine, unless the preset sets another limit.
    pub call_seconds: f64,
    /// For loading a model.
    pub load_seconds: f64,
    /// For probing a new plugin file in a child process.
    pub probe_seconds: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_streams: 1_000,
            max_connections: None,
            max_connections_per_address: None,
            max_message_bytes: 1 << 20,
            min_body_bytes_per_second: 1_000.0,
            max_upload_bytes: 25 << 20,
            max_upload_seconds: 14_400.0,
            max_shared_upload_bytes: 1 << 30,
            max_lag_seconds: 30.0,
            report_lag_seconds: 1.0,
            refuse_lag_seconds: 5.0,
            max_backlog_seconds: 300.0,
            max_shared_backlog_seconds: 10_000.0,
            max_load: 0.9,
            file_buffer_seconds: 10.0,
            max_unsent_events: 1_000,
            max_text_bytes: 64 << 10,
            max_events_per_call: 10_000,
            max_call_timeouts: 3,
            replay_seconds: 60.0,
            max_dedicated_workers: 8,
            quarantine_streams: 5,
            quarantine_seconds: 600.0,
            max_crash_reports: 20,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            request_seconds: 10.0,
            handshake_seconds: None,
            head_seconds: None,
            body_seconds: None,
            answer_seconds: None,
            start_seconds: 10.0,
            idle_seconds: 60.0,
            write_seconds: 30.0,
            drain_seconds: 30.0,
            call_seconds: 30.0,
            load_seconds: 600.0,
            probe_seconds: 10.0,
        }
    }
}

/// Checks the ranges of the numeric fields.
///
/// # Errors
/// The first field that is out of range.
pub(super) fn check(limits: &Limits, timeouts: &Timeouts) -> Result<(), SettingsError> {
    let phases = [
        ("timeouts.handshake_seconds", timeouts.handshake_seconds),
        ("timeouts.head_seconds", timeouts.head_seconds),
        ("timeouts.body_seconds", timeouts.body_seconds),
        ("timeouts.answer_seconds", timeouts.answer_seconds),
    ];
    let positive = [
        ("limits.max_upload_seconds", limits.max_upload_seconds),
        ("limits.max_lag_seconds", limits.max_lag_seconds),
        ("limits.report_lag_seconds", limits.report_lag_seconds),
        ("limits.refuse_lag_seconds", limits.refuse_lag_seconds),
        ("limits.max_backlog_seconds", limits.max_backlog_seconds),
        ("limits.max_shared_backlog_seconds", limits.max_shared_backlog_seconds),
        ("limits.max_load", limits.max_load),
        ("limits.file_buffer_seconds", limits.file_buffer_seconds),
        ("limits.replay_seconds", limits.replay_seconds),
        ("limits.quarantine_seconds", limits.quarantine_seconds),
        ("limits.min_body_bytes_per_second", limits.min_body_bytes_per_second),
        ("timeouts.request_seconds", timeouts.request_seconds),
        ("timeouts.start_seconds", timeouts.start_seconds),
        ("timeouts.idle_seconds", timeouts.idle_seconds),
        ("timeouts.write_seconds", timeouts.write_seconds),
        ("timeouts.call_seconds", timeouts.call_seconds),
        ("timeouts.load_seconds", timeouts.load_seconds),
        ("timeouts.probe_seconds", timeouts.probe_seconds),
    ];
    let whole = [
        ("limits.max_streams", limits.max_streams),
        ("limits.max_connections", limits.max_connections.unwrap_or(1)),
        ("limits.max_connections_per_address", limits.max_connections_per_address.unwrap_or(1)),
        ("limits.max_message_bytes", limits.max_message_bytes),
        ("limits.max_upload_bytes", limits.max_upload_bytes),
        ("limits.max_shared_upload_bytes", usize::try_from(limits.max_shared_upload_bytes).unwrap_or(usize::MAX)),
        ("limits.max_unsent_events", limits.max_unsent_events),
        ("limits.max_text_bytes", limits.max_text_bytes),
        ("limits.max_events_per_call", limits.max_events_per_call),
        ("limits.max_call_timeouts", limits.max_call_timeouts as usize),
        ("limits.quarantine_streams", limits.quarantine_streams),
    ];
    if let Some((field, _)) = whole.into_iter().find(|(_, value)| *value == 0) {
        return Err(SettingsError::Zero { field });
    }
    let given = phases.iter().filter_map(|(name, value)| Some((*name, (*value)?)));
    if let Some((field, _)) = positive.into_iter().chain(given).find(|(_, value)| !is_wait(*value)) {
        return Err(SettingsError::NotPositive { field });
    }
    if timeouts.drain_seconds != 0.0 && !is_wait(timeouts.drain_seconds) {
        return Err(SettingsError::NoWait { field: "timeouts.drain_seconds" });
    }
    Ok(())
}
