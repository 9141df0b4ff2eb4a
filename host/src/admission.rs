//! Admission: who may open which stream now. Every protocol opens its streams here.
//!
//! Streams are counted (over the server, per key, per preset), and a model that cannot follow takes no more. Before that it
//! takes no live stream with which its threads would be busy for more than `limits.max_load` of the time, by what a second
//! of audio has cost of late. Where that was too hopeful, the measure is how far its live streams are behind: once more than half of them are by `limits.refuse_lag_seconds`, another one would
//! only make it worse for all. The half, so that one client that sends its audio too fast shuts nobody out; the model,
//! so that a slow engine costs its own streams only.

mod roster;
mod ticket;

pub use roster::{Roster, StreamReport};
pub use ticket::Ticket;

use crate::{
    access::Caller,
    catalog::{Catalog, Opening},
    failure::{Failure, FailureCode},
    journal::{self, Journal},
    presets::Presets,
    settings::Limits,
    stream::{Pace, Stream},
};
use roster::Entry;
use serde_json::{Map, Value};
use std::{sync::Arc, time::SystemTime};

/// Opens streams.
#[derive(Debug)]
pub struct Admission {
    catalog: Arc<Catalog>,
    presets: Arc<Presets>,
    roster: Arc<Roster>,
    journal: Option<Arc<Journal>>,
    refuse_lag_seconds: f64,
    max_load: f64,
}

impl Admission {
    /// Without open streams.
    pub fn new(catalog: Arc<Catalog>, presets: Arc<Presets>, journal: Option<Arc<Journal>>, limits: &Limits) -> Self {
        let (refuse_lag_seconds, max_load) = (limits.refuse_lag_seconds, limits.max_load);
        Self { catalog, presets, roster: Arc::default(), journal, refuse_lag_seconds, max_load }
    }

    /// The open streams.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// Whether a caller would be refused whatever preset it asked for, because the models of all of them are behind.
    pub fn is_hopeless(&self, caller: &Caller) -> bool {
        let presets = self.presets.list();
        let mut presets = presets.iter().map(|(name, _)| name).filter(|name| caller.may_use(name)).peekable();
        presets.peek().is_some() && presets.all(|name| self.is_behind(|entry| entry.preset == *name))
    }

    /// The model and configuration for a stream; loads the model if need be.
    ///
    /// # Errors
    /// What the client, or the operator, must change, or that it must come later.
    pub async fn open(
        &self,
        caller: &Caller,
        preset: &str,
        options: Map<String, Value>,
        pace: Pace,
    ) -> Result<Opening, Failure> {
        caller.check_preset(preset)?;
        let opening = self.catalog.open(preset, options).await?;
        let model = model_id(&opening.runtime);
        if self.is_behind(|entry| entry.model == model) {
            let limit = self.refuse_lag_seconds;
            let message =
                format!("preset `{preset}` is behind by more than {limit} s and takes no more; try again later");
            return Err(Failure::new(FailureCode::Overloaded, message));
        }
        let live = self.roster.live(|entry| entry.model == model);
        // A file comes as fast as it is worked on: it makes nobody late.
        if pace == Pace::Live
            && live > 0
            && let Some(load) = opening.runtime.load_with(live + 1).filter(|load| *load > self.max_load)
        {
            let message = format!(
                "preset `{preset}` has as many streams as it can follow: with another one its engine would be busy for \
                 {:.0} % of the time; try again later",
                load * 100.0
            );
            return Err(Failure::new(FailureCode::Overloaded, message));
        }
        Ok(opening)
    }

    /// Puts a stream that was opened on the roster, for as long as the ticket lives, and begins its journal.
    ///
    /// # Errors
    /// Where the journal cannot be written.
    pub fn enter(
        &self,
        caller: &Caller,
        preset: &str,
        backend: &str,
        stream: &Stream,
        pace: Pace,
    ) -> Result<Ticket, Failure> {
        let runtime = stream.runtime();
        let start = || journal::Start {
            stream: stream.id().to_owned(),
            preset: preset.to_owned(),
            backend: backend.to_owned(),
            key: caller.key.as_ref().map(|key| key.name().to_owned()),
            time: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            separator: runtime.metadata().separator.clone(),
        };
        let rate = runtime.metadata().sample_rate;
        let recorder = self.journal.as_ref().map(|journal| journal.begin(start(), rate)).transpose();
        let recorder = recorder.map_err(|error| ticket::not_kept(&error))?;
        let entry =
            Entry::new(stream.id(), preset, backend, caller, pace, model_id(runtime), runtime.metadata().sample_rate);
        Ok(Ticket::new(entry, Arc::clone(&self.roster), recorder))
    }

    fn is_behind(&self, of: impl Fn(&Entry) -> bool) -> bool {
        self.roster.median_lag(of) > self.refuse_lag_seconds
    }
}

/// What tells one loaded model from another.
fn model_id<T>(runtime: &Arc<T>) -> usize {
    Arc::as_ptr(runtime).addr()
}
