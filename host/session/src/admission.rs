//! Admission: who may open which session now.
//!
//! Sessions are counted (over the server, per key, per preset), and a model that cannot follow takes no more. Before that it
//! takes no live stream with which its threads would be busy for more than `max_load` of the time, by what a second
//! of audio has cost of late. Where that was too hopeful, the measure is how far its live streams are behind: once more than
//! half of them are by `refuse_lag_seconds`, another one would only make it worse for all. The half, so that one client that
//! sends its audio too fast shuts nobody out; the model, so that a slow engine costs its own streams only.

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

/// Bounds on who is let in.
#[derive(Debug, Clone)]
pub struct AdmissionSettings {
    /// Sessions at the same time.
    pub max_streams: usize,
    /// Seconds that more than half of a model's live streams may be behind before it takes no more.
    pub refuse_lag_seconds: f64,
    /// Share of the time that a model's threads may be busy before it takes no more live streams.
    pub max_load: f64,
}

/// The rules, and what is taken.
#[derive(Debug)]
pub(super) struct Admission {
    settings: AdmissionSettings,
    presets: Arc<Presets>,
    registry: Arc<SessionRegistry>,
    /// One permit for each session that there may be.
    permits: Permits,
    stopping: CancellationToken,
}

/// What a session takes of what there is, over the server and of its key.
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

    /// Takes the places of one session.
    ///
    /// # Errors
    /// Why the caller gets none, whatever preset it would ask for.
    pub(super) fn take_places(&self, caller: &Caller) -> Result<Places, Failure> {
        if self.stopping.is_cancelled() {
            return Err(Failure::new(FailureCode::ShuttingDown, "the server is going away"));
        }
        let key = caller.key.as_ref().map(|key| key.take_place()).transpose()?;
        let server = self.permits.try_take().ok_or_else(|| {
            let message = "the server has all the streams it may have (limits.max_streams)";
            Failure::new(FailureCode::Streams, message)
        })?;
        if self.is_hopeless(caller) {
            let message = "the server is behind with the streams it has and takes no more; try again later";
            return Err(Failure::new(FailureCode::Overloaded, message));
        }
        Ok(Places { _server: server, _key: key })
    }

    /// Whether a caller would be refused whatever preset it asked for, because the models of all of them are behind.
    fn is_hopeless(&self, caller: &Caller) -> bool {
        let presets = self.presets.list();
        let mut presets = presets.iter().map(|(name, _)| name).filter(|name| caller.may_use(name)).peekable();
        presets.peek().is_some() && presets.all(|name| self.is_behind(|entry| entry.preset == *name))
    }

    /// Checks that a model takes another stream.
    ///
    /// # Errors
    /// That it is behind, or would be.
    pub(super) fn check(&self, preset: &str, model: &ModelScheduler, pace: Pace) -> Result<(), Failure> {
        let of_model = |entry: &Entry| entry.model == model.id();
        if self.is_behind(of_model) {
            let limit = self.settings.refuse_lag_seconds;
            let message =
                format!("preset `{preset}` is behind by more than {limit} s and takes no more; try again later");
            return Err(Failure::new(FailureCode::Overloaded, message));
        }
        let live = self.registry.live(of_model);
        // A file comes as fast as it is worked on: it makes nobody late.
        if pace == Pace::Live
            && live > 0
            && let Some(load) = model.load_with(live + 1).filter(|load| *load > self.settings.max_load)
        {
            let message = format!(
                "preset `{preset}` has as many streams as it can follow: with another one its engine would be busy for \
                 {:.0} % of the time; try again later",
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
