//! Admission: decides who may open a session now.
//!
//! Sessions are limited per server, per key and per preset. A model that cannot keep up accepts no more streams:
//!
//! - It accepts no live stream with which its threads would be busy for more than `max_load` of the time. The estimate
//!   is its recent cost per second of audio, for its live streams and for the audio that waits in them.
//! - If the estimate was too low, the lag decides: if more than half of the model's live streams are behind by
//!   `refuse_lag_seconds`, another stream would make it worse for all. It is more than half of them, so that one client
//!   that sends audio too fast does not lock out others. It is per model, so that a slow engine affects only its own
//!   streams.
//!
//! Threads: any.

use super::{
    Caller,
    presets::Presets,
    registry::{Entry, SessionRegistry},
};
use auricle_core::{
    Failure, FailureCode, Pace,
    permits::{Permit, Permits},
};
use auricle_stream::ModelScheduler;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The limits of admission.
#[derive(Debug, Clone)]
pub struct AdmissionSettings {
    /// The number of concurrent sessions.
    pub max_streams: usize,
    /// Seconds that more than half of a model's live streams may be behind before it accepts no more.
    pub refuse_lag_seconds: f64,
    /// The share of the time, from 0 to 1, that a model's threads may be busy before it accepts no more live streams.
    pub max_load: f64,
}

/// The limits and the permits taken.
#[derive(Debug)]
pub(super) struct Admission {
    settings: AdmissionSettings,
    presets: Arc<Presets>,
    registry: Arc<SessionRegistry>,
    /// One permit per session.
    permits: Permits,
    stopping: CancellationToken,
}

/// A session's permits of server and key.
#[derive(Debug)]
pub(super) struct Places {
    _server: Permit,
    _key: Option<Permit>,
}

impl Admission {
    pub(super) fn new(
        settings: AdmissionSettings,
        presets: Arc<Presets>,
        registry: Arc<SessionRegistry>,
        stopping: CancellationToken,
    ) -> Self {
        let permits = Permits::new(settings.max_streams);
        Self { settings, presets, registry, permits, stopping }
    }

    /// Takes the permits of one session.
    ///
    /// # Errors
    /// The caller can open no session, whatever preset it requests.
    pub(super) fn take_places(&self, caller: &Caller) -> Result<Places, Failure> {
        if self.stopping.is_cancelled() {
            return Err(Failure::new(FailureCode::ShuttingDown, "the server is shutting down"));
        }
        let key = caller.key.as_ref().map(|key| key.take_place()).transpose()?;
        let server = self.permits.try_take().ok_or_else(|| {
            let message = "the server has reached its limit of streams (`limits.max_streams`); try again later";
            Failure::new(FailureCode::Streams, message)
        })?;
        if self.all_are_behind(caller) {
            let message = "the server cannot keep up with its streams and accepts no more; try again later";
            return Err(Failure::new(FailureCode::Overloaded, message));
        }
        Ok(Places { _server: server, _key: key })
    }

    /// Sessions that hold a permit.
    pub(super) fn taken(&self) -> usize {
        self.permits.taken()
    }

    pub(super) fn max_streams(&self) -> usize {
        self.permits.limit()
    }

    pub(super) fn max_load(&self) -> f64 {
        self.settings.max_load
    }

    /// Whether the models of all presets that the caller may use are behind.
    fn all_are_behind(&self, caller: &Caller) -> bool {
        let presets = self.presets.names();
        let mut presets = presets.iter().filter(|name| caller.may_use(name)).peekable();
        presets.peek().is_some() && presets.all(|name| self.is_behind(|entry| entry.preset == *name))
    }

    /// Checks that a model accepts so many more streams.
    ///
    /// # Errors
    /// The model is behind, or would be busy for more than `max_load` of the time.
    pub(super) fn check(
        &self,
        preset: &str,
        model: &ModelScheduler,
        pace: Pace,
        streams: usize,
    ) -> Result<(), Failure> {
        let of_model = |entry: &Entry| entry.model == model.id();
        if self.is_behind(of_model) {
            let limit = self.settings.refuse_lag_seconds;
            let message =
                format!("preset `{preset}` is more than {limit} s behind and accepts no more streams; try again later");
            return Err(Failure::new(FailureCode::Overloaded, message));
        }
        if pace == Pace::Live && model.room().is_some_and(|room| room < streams) {
            let message = format!("all engine hosts of preset `{preset}` are full; try again later");
            return Err(Failure::new(FailureCode::Overloaded, message));
        }
        let live = self.registry.live(of_model);
        // A file is read only as fast as the engine processes it, so it delays no live stream.
        if pace == Pace::Live
            && live + streams > 1
            && let Some(load) = model.load_with(live + streams).filter(|load| *load > self.settings.max_load)
        {
            let message = format!(
                "preset `{preset}` has as many streams as its engine can process: with {} more it would be busy for \
                 {:.0} % of the time; try again later",
                if streams == 1 { "one".to_owned() } else { streams.to_string() },
                load * 100.0
            );
            return Err(Failure::new(FailureCode::Overloaded, message));
        }
        Ok(())
    }

    fn is_behind(&self, of: impl Fn(&Entry) -> bool) -> bool {
        self.registry.median_lag(of) > self.settings.refuse_lag_seconds
    }
}
