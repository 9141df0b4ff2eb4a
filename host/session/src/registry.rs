//! The sessions that are open, as the operator and admission see them.
//!
//! The lock is held while streams come, go and are listed, never while they work: what changes meanwhile is atomic.

use super::{Caller, presets::Preset};
use auricle_core::{Pace, times::seconds};
use auricle_stream::ModelScheduler;
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

/// The open sessions, by id.
#[derive(Debug, Default)]
pub struct SessionRegistry(Mutex<HashMap<String, Arc<Entry>>>);

/// One session.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) preset: String,
    pub(super) backend: String,
    /// Tells loaded models apart.
    pub(super) model: u64,
    pub(super) pace: Pace,
    /// Of the samples counted.
    pub(super) sample_rate: u32,
    key: Option<String>,
    address: String,
    since: Instant,
    samples: AtomicU64,
    /// Samples behind, as last reported; 0 below the server's `report_lag_seconds`.
    lag: AtomicU64,
}

/// What `GET /v1/streams` says of a stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamReport {
    /// The id, as in the log.
    pub stream: String,
    /// As in `start`.
    pub preset: String,
    /// The engine.
    pub backend: String,
    /// The name of the client's key, where keys are asked for.
    pub key: Option<String>,
    /// The client's address; a proxy's where there is one.
    pub address: String,
    /// Who sets the pace.
    pub pace: Pace,
    /// Since it was opened.
    pub open_seconds: f64,
    /// Audio received.
    pub audio_seconds: f64,
    /// Audio that waits for the engine, as the client was last told.
    pub lag_seconds: f64,
}

impl Entry {
    /// A session that opens now, on a model that is told from others by a number.
    pub(super) fn new(id: &str, preset: &Preset, caller: &Caller, pace: Pace, model: &ModelScheduler) -> Self {
        Self {
            id: id.to_owned(),
            preset: preset.name.clone(),
            backend: preset.backend.clone(),
            model: model.id(),
            pace,
            sample_rate: model.metadata().sample_rate,
            key: caller.key_name().map(str::to_owned),
            address: caller.address.to_string(),
            since: Instant::now(),
            samples: AtomicU64::new(0),
            lag: AtomicU64::new(0),
        }
    }

    pub(super) fn add_samples(&self, samples: u64) {
        self.samples.fetch_add(samples, Ordering::Relaxed);
    }

    pub(super) fn set_lag(&self, samples: u64) {
        self.lag.store(samples, Ordering::Relaxed);
    }

    pub(super) fn lag_seconds(&self) -> f64 {
        self.seconds(&self.lag)
    }

    fn seconds(&self, samples: &AtomicU64) -> f64 {
        seconds(samples.load(Ordering::Relaxed), self.sample_rate)
    }

    fn report(&self) -> StreamReport {
        StreamReport {
            stream: self.id.clone(),
            preset: self.preset.clone(),
            backend: self.backend.clone(),
            key: self.key.clone(),
            address: self.address.clone(),
            pace: self.pace,
            open_seconds: (self.since.elapsed().as_secs_f64() * 1000.0).round() / 1000.0,
            audio_seconds: self.seconds(&self.samples),
            lag_seconds: self.lag_seconds(),
        }
    }
}

impl SessionRegistry {
    /// Every stream, the oldest first.
    pub fn report(&self) -> Vec<StreamReport> {
        let mut entries: Vec<_> = self.lock().values().map(Arc::clone).collect();
        entries.sort_by_key(|entry| entry.since);
        entries.iter().map(|entry| entry.report()).collect()
    }

    /// The greatest lag of each preset and engine with live streams, in seconds.
    pub fn greatest_lags(&self) -> HashMap<(String, String), f64> {
        let mut greatest = HashMap::new();
        for entry in self.lock().values().filter(|entry| entry.pace == Pace::Live) {
            let most: &mut f64 = greatest.entry((entry.preset.clone(), entry.backend.clone())).or_default();
            *most = most.max(entry.lag_seconds());
        }
        greatest
    }

    /// How many of these streams are live.
    pub(super) fn live(&self, of: impl Fn(&Entry) -> bool) -> usize {
        self.lock().values().filter(|entry| entry.pace == Pace::Live && of(entry)).count()
    }

    /// The lag that half of these live streams have at least, in seconds; 0 where there are none.
    pub(super) fn median_lag(&self, of: impl Fn(&Entry) -> bool) -> f64 {
        let mut lags: Vec<_> = {
            let entries = self.lock();
            let live = entries.values().filter(|entry| entry.pace == Pace::Live && of(entry));
            live.map(|entry| entry.lag_seconds()).collect()
        };
        if lags.is_empty() {
            return 0.0;
        }
        // Of an even number the lower one: more than half must be behind.
        let middle = (lags.len() - 1) / 2;
        *lags.select_nth_unstable_by(middle, f64::total_cmp).1
    }

    pub(super) fn add(&self, entry: Arc<Entry>) {
        self.lock().insert(entry.id.clone(), entry);
    }

    pub(super) fn remove(&self, entry: &Entry) {
        self.lock().remove(&entry.id);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Entry>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(registry: &SessionRegistry, id: &str, pace: Pace, lag_seconds: u64) {
        let entry = Entry {
            id: id.to_owned(),
            preset: "p".into(),
            backend: "b".into(),
            model: 1,
            pace,
            sample_rate: 16_000,
            key: None,
            address: "127.0.0.1".into(),
            since: Instant::now(),
            samples: AtomicU64::new(0),
            lag: AtomicU64::new(lag_seconds * 16_000),
        };
        registry.add(Arc::new(entry));
    }

    #[test]
    fn one_stream_behind_is_not_the_models_lag_and_more_than_half_are() {
        let registry = SessionRegistry::default();
        assert_eq!(registry.median_lag(|_| true), 0.0);
        add(&registry, "a", Pace::Live, 9);
        assert_eq!(registry.median_lag(|_| true), 9.0);
        add(&registry, "b", Pace::Live, 0);
        add(&registry, "file", Pace::File, 99);
        assert_eq!(registry.median_lag(|_| true), 0.0);
        add(&registry, "c", Pace::Live, 7);
        assert_eq!(registry.median_lag(|_| true), 7.0);
        assert_eq!(registry.median_lag(|entry| entry.model == 2), 0.0);
        assert_eq!(registry.greatest_lags()[&("p".into(), "b".into())], 9.0);
    }
}
