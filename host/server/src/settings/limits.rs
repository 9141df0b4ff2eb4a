//! `[limits]` and `[timeouts]`: every bound and wait, its default, and what it is for.

use super::error::SettingsError;
use auricle_core::times::is_wait;
use serde::Deserialize;

/// Bounds on what clients and engines can ask of the server.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Open streams.
    pub max_streams: usize,
    /// Open connections, streams and others; twice as many as streams, and 200, unless given.
    pub max_connections: Option<usize>,
    /// Open connections of one address (of one /64 in IPv6); half of `max_connections` unless given.
    pub max_connections_per_address: Option<usize>,
    /// Bytes of one WebSocket message.
    pub max_message_bytes: usize,
    /// Bytes a second that the body of a request must bring on the whole.
    pub min_body_bytes_per_second: f64,
    /// Seconds of audio a live stream may be behind before it is closed.
    pub max_lag_seconds: f64,
    /// Seconds of audio behind from which on the client is told.
    pub report_lag_seconds: f64,
    /// Seconds of audio that more than half of a model's live streams may be behind before it takes no more.
    pub refuse_lag_seconds: f64,
    /// Share of the time that a model's threads may be busy before it takes no more live streams.
    pub max_load: f64,
    /// Seconds of audio a file stream may have waiting before the server stops reading.
    pub file_buffer_seconds: f64,
    /// Events waiting for a client to read before its stream pauses (a live one then falls behind, up to its limit).
    pub max_unsent_events: usize,
    /// Bytes of one text of an engine.
    pub max_text_bytes: usize,
    /// Events of an engine in one call.
    pub max_events_per_call: usize,
    /// Calls past their time before a model is refused.
    pub max_call_timeouts: u32,
    /// Seconds of audio of each stream kept for a worker process that dies; where more has to be heard again, a gap is left.
    pub replay_seconds: f64,
    /// Streams of one model that may have a worker of their own, after one died of them.
    #[serde(alias = "max_apart")]
    pub max_dedicated_workers: usize,
    /// Different streams that a plugin's workers die of, within `quarantine_seconds`, before it is no longer used.
    pub quarantine_streams: usize,
    /// See `quarantine_streams`.
    pub quarantine_seconds: f64,
    /// Crash reports kept, the newest.
    pub max_crash_reports: usize,
}

/// Waits, in seconds.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Timeouts {
    /// For each phase of a request: the short form of the four that follow.
    pub request_seconds: f64,
    /// For the TLS handshake; `request_seconds` unless given.
    pub handshake_seconds: Option<f64>,
    /// For the head of a request, or of the next one on the connection; `request_seconds` unless given.
    pub head_seconds: Option<f64>,
    /// For the first bytes of a body; then `limits.min_body_bytes_per_second` holds. `request_seconds` unless given.
    pub body_seconds: Option<f64>,
    /// For a client to take some more of an answer; `request_seconds` unless given.
    pub answer_seconds: Option<f64>,
    /// From connection to `start`.
    pub start_seconds: f64,
    /// Without any sign of life from the client.
    pub idle_seconds: f64,
    /// For a client to take what is sent to it.
    pub write_seconds: f64,
    /// For open streams to end by themselves when the server is asked to stop.
    pub drain_seconds: f64,
    /// For one call into an engine, unless the preset says otherwise.
    pub call_seconds: f64,
    /// For a model to load.
    pub load_seconds: f64,
    /// For a new plugin file to be tried in a child process.
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
            max_lag_seconds: 30.0,
            report_lag_seconds: 1.0,
            refuse_lag_seconds: 5.0,
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

/// Checks what the types do not say.
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
        ("limits.max_lag_seconds", limits.max_lag_seconds),
        ("limits.report_lag_seconds", limits.report_lag_seconds),
        ("limits.refuse_lag_seconds", limits.refuse_lag_seconds),
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
        return Err(SettingsError::Drain);
    }
    Ok(())
}
