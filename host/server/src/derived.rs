//! Derives the settings of each part from the server's settings.

use super::{conversation::PhaseLimits, paced_body::BodyPace, settings::Settings};
use auricle_core::{Pace, times::wait};
use auricle_dialects::{Uploads, websocket::ConnectionSettings};
use auricle_engines::plugins::{DiscoverySettings, Grants, cache_dir};
use auricle_session::CatalogSettings;
use auricle_stream::{SharedBacklog, StreamSettings};
use std::path::{Path, PathBuf};

pub(super) fn discovery_settings(settings: &Settings, program: PathBuf) -> DiscoverySettings {
    DiscoverySettings {
        plugins: settings.plugins.clone(),
        resources: settings.resources.clone(),
        cache: settings.cache.clone(),
        backends: settings.backends.clone(),
        pins: settings.pins.clone(),
        grants: Grants::new(settings.grants.clone(), &settings.trusted),
        probe_limit: wait(settings.timeouts.probe_seconds),
        quarantine_streams: settings.limits.quarantine_streams,
        quarantine_window: wait(settings.limits.quarantine_seconds),
        program,
    }
}

pub(super) fn catalog_settings(settings: &Settings, program: &Path) -> CatalogSettings {
    let Settings { limits, timeouts, .. } = settings;
    let beside = || cache_dir(settings.cache.as_deref()).join("crashes");
    CatalogSettings {
        program: program.to_owned(),
        trusted: settings.trusted.clone(),
        call_limit: wait(timeouts.call_seconds),
        load_limit: wait(timeouts.load_seconds),
        max_call_timeouts: limits.max_call_timeouts,
        max_dedicated_workers: limits.max_dedicated_workers,
        crash_reports: settings.crash_reports.clone().unwrap_or_else(beside),
        max_crash_reports: limits.max_crash_reports,
    }
}

pub(super) fn phase_limits(settings: &Settings) -> PhaseLimits {
    let timeouts = &settings.timeouts;
    let limit = |given: Option<f64>| wait(given.unwrap_or(timeouts.request_seconds));
    let least_rate = settings.limits.min_body_bytes_per_second;
    PhaseLimits {
        handshake: limit(timeouts.handshake_seconds),
        head: limit(timeouts.head_seconds),
        body: BodyPace { grace: limit(timeouts.body_seconds), least_rate },
        answer: limit(timeouts.answer_seconds),
    }
}

pub(super) fn connection_settings(settings: &Settings) -> ConnectionSettings {
    let timeouts = &settings.timeouts;
    ConnectionSettings {
        start_limit: wait(timeouts.start_seconds),
        idle_limit: wait(timeouts.idle_seconds),
        write_limit: wait(timeouts.write_seconds),
        max_message_bytes: settings.limits.max_message_bytes,
    }
}

pub(super) fn uploads(settings: &Settings) -> Uploads {
    let limits = &settings.limits;
    Uploads::new(limits.max_upload_bytes, limits.max_upload_seconds, limits.max_shared_upload_bytes)
}

/// The settings of streams, at live pace.
pub fn stream_settings(settings: &Settings) -> StreamSettings {
    let limits = &settings.limits;
    StreamSettings {
        pace: Pace::Live,
        max_lag_seconds: limits.max_lag_seconds,
        report_lag_seconds: limits.report_lag_seconds,
        max_backlog_seconds: limits.max_backlog_seconds,
        shared_backlog: SharedBacklog::new(limits.max_shared_backlog_seconds),
        file_buffer_seconds: limits.file_buffer_seconds,
        max_unsent_events: limits.max_unsent_events,
        max_text_bytes: limits.max_text_bytes,
        max_events_per_call: limits.max_events_per_call,
        replay_seconds: limits.replay_seconds,
        // In presets.
        mute_seconds: None,
    }
}
