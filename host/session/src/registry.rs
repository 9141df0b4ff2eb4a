//! The registry of open sessions, for the operator and for admission.
//!
//! Threads: any. The lock is held only while sessions are added, removed or listed. The values that change while a
//! session is open are atomic.

use super::{Caller, preset::Preset};
use auricle_core::{
    Failure, FailureCode, Pace,
    times::{rounded, seconds},
};
use auricle_stream::{ModelScheduler, Stream};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// The open sessions, by id.
#[derive(Debug, Default)]
pub struct SessionRegistry(Mutex<HashMap<String, Arc<Entry>>>);

/// One open session.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) preset: String,
    pub(super) backend: String,
    /// The id of the loaded model.
    pub(super) model: u64,
    pub(super) pace: Pace,
    /// The rate of the counted samples.
    pub(super) sample_rate: u32,
    pub(super) key: Option<String>,
    pub(super) address: IpAddr,
    since: Instant,
    samples: AtomicU64,
    /// Milliseconds of lag of each stream, as last reported to the client; 0 below the server's `report_lag_seconds`.
    lags: Vec<AtomicU64>,
    /// The largest lag so far, in milliseconds.
    max_lag: AtomicU64,
    /// Whether it waits for its client.
    is_waiting: AtomicBool,
    /// Set when they are opened on its model.
    streams: OnceLock<Vec<Weak<Stream>>>,
}

/// A stream in the response to `GET /v1/streams`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamReport {
    /// The id, as in the log.
    pub stream: String,
    /// The preset's name.
    pub preset: String,
    /// The engine's backend name.
    pub backend: String,
    /// The name of the client's key, if keys are required.
    pub key: Option<String>,
    /// The client's address, or the proxy's if there is a proxy.
    pub address: String,
    /// Who sets the pace.
    pub pace: Pace,
    /// The number of channels that are transcribed by themselves; 1 if they are mixed.
    #[serde(default = "one")]
    pub channels: u16,
    /// Seconds since it was opened.
    pub open_seconds: f64,
    /// Seconds of audio received.
    pub audio_seconds: f64,
    /// Of the channel that is the furthest behind: seconds that the oldest waiting audio has waited for the engine, as last reported to the client.
    pub lag_seconds: f64,
    /// Whether its connection broke, and it waits for its client to resume it.
    #[serde(default)]
    pub waiting: bool,
}

fn one() -> u16 {
    1
}

impl Entry {
    /// An entry for a session that is opened now, with so many streams.
    pub(super) fn new(
        id: &str,
        preset: &Preset,
        caller: &Caller,
        pace: Pace,
        model: &ModelScheduler,
        streams: usize,
    ) -> Self {
        Self {
            id: id.to_owned(),
            preset: preset.name.clone(),
            backend: preset.backend.clone(),
            model: model.id(),
            pace,
            sample_rate: model.metadata().sample_rate,
            key: caller.key_name().map(str::to_owned),
            address: caller.address,
            since: Instant::now(),
            samples: AtomicU64::new(0),
            lags: (0..streams).map(|_| AtomicU64::new(0)).collect(),
            max_lag: AtomicU64::new(0),
            is_waiting: AtomicBool::new(false),
            streams: OnceLock::new(),
        }
    }

    pub(super) fn set_waiting(&self, is_waiting: bool) {
        self.is_waiting.store(is_waiting, Ordering::Relaxed);
    }

    fn is_waiting(&self) -> bool {
        self.is_waiting.load(Ordering::Relaxed)
    }

    /// Notes the streams, so that an operator can end them.
    pub(super) fn opened(&self, streams: &[Arc<Stream>]) {
        // A session is opened once.
        let _ = self.streams.set(streams.iter().map(Arc::downgrade).collect());
    }

    /// The number of streams.
    pub(super) fn count(&self) -> usize {
        self.lags.len()
    }

    pub(super) fn add_samples(&self, samples: u64) {
        self.samples.fetch_add(samples, Ordering::Relaxed);
    }

    pub(super) fn set_lag(&self, stream: usize, lag: Duration) {
        let milliseconds = lag.as_millis() as u64;
        self.lags[stream].store(milliseconds, Ordering::Relaxed);
        self.max_lag.fetch_max(milliseconds, Ordering::Relaxed);
    }

    pub(super) fn clear_lag(&self) {
        self.lags.iter().for_each(|lag| lag.store(0, Ordering::Relaxed));
    }

    /// The largest lag of a stream.
    pub(super) fn lag_seconds(&self) -> f64 {
        let greatest = self.lags.iter().map(|lag| lag.load(Ordering::Relaxed)).max();
        greatest.unwrap_or_default() as f64 / 1000.0
    }

    pub(super) fn max_lag_seconds(&self) -> f64 {
        self.max_lag.load(Ordering::Relaxed) as f64 / 1000.0
    }

    pub(super) fn audio_seconds(&self) -> f64 {
        seconds(self.samples.load(Ordering::Relaxed), self.sample_rate)
    }

    pub(super) fn open_seconds(&self) -> f64 {
        rounded(self.since.elapsed())
    }

    fn report(&self) -> StreamReport {
        StreamReport {
            stream: self.id.clone(),
            preset: self.preset.clone(),
            backend: self.backend.clone(),
            key: self.key.clone(),
            address: self.address.to_string(),
            pace: self.pace,
            channels: self.count() as u16,
            open_seconds: self.open_seconds(),
            audio_seconds: self.audio_seconds(),
            lag_seconds: self.lag_seconds(),
            waiting: self.is_waiting(),
        }
    }
}

impl SessionRegistry {
    /// All streams, the oldest first.
    pub fn report(&self) -> Vec<StreamReport> {
        let mut entries: Vec<_> = self.lock().values().map(Arc::clone).collect();
        entries.sort_by_key(|entry| entry.since);
        entries.iter().map(|entry| entry.report()).collect()
    }

    /// Ends a stream: its client gets the text of all audio so far, then the failure `ended_by_operator`. Returns whether
    /// there is a stream with this id.
    pub fn end(&self, id: &str) -> bool {
        let streams: Vec<_> = {
            let entries = self.lock();
            let known = entries.get(id).and_then(|entry| entry.streams.get());
            known.into_iter().flatten().filter_map(Weak::upgrade).collect()
        };
        let failure = || Failure::new(FailureCode::EndedByOperator, "an operator of the server ended this stream");
        streams.iter().for_each(|stream| stream.close(failure()));
        !streams.is_empty()
    }

    /// The largest lag of each preset and engine with live streams, in seconds.
    pub fn greatest_lags(&self) -> HashMap<(String, String), f64> {
        let mut greatest = HashMap::new();
        for entry in self.lock().values().filter(|entry| entry.pace == Pace::Live) {
            let most: &mut f64 = greatest.entry((entry.preset.clone(), entry.backend.clone())).or_default();
            *most = most.max(entry.lag_seconds());
        }
        greatest
    }

    /// The number of streams of each preset and engine that wait for their clients.
    pub fn waiting(&self) -> HashMap<(String, String), usize> {
        let mut waiting = HashMap::new();
        for entry in self.lock().values().filter(|entry| entry.is_waiting()) {
            *waiting.entry((entry.preset.clone(), entry.backend.clone())).or_default() += 1;
        }
        waiting
    }

    /// The number of live streams that match.
    pub(super) fn live(&self, of: impl Fn(&Entry) -> bool) -> usize {
        let entries = self.lock();
        entries.values().filter(|entry| entry.pace == Pace::Live && of(entry)).map(|entry| entry.count()).sum()
    }

    /// The median lag of the live streams that match, in seconds; 0 if there are none.
    pub(super) fn median_lag(&self, of: impl Fn(&Entry) -> bool) -> f64 {
        let mut lags: Vec<_> = {
            let entries = self.lock();
            let live = entries.values().filter(|entry| entry.pace == Pace::Live && of(entry));
            live.map(|entry| entry.lag_seconds()).collect()
        };
        if lags.is_empty() {
            return 0.0;
        }
        // Of an even number the lower median: more than half must be behind.
        let middle = (lags.len() - 1) / 2;
        *lags.select_nth_unstable_by(middle, f64::total_cmp).1
    }

    pub(super) fn add(&self, entry: Arc<Entry>) {
        self.lock().insert(entry.id.clone(), entry);
    }

    /// Removes a stream, but not another one with its id: a front may have opened it again meanwhile.
    pub(super) fn remove(&self, entry: &Arc<Entry>) {
        let mut entries = self.lock();
        if entries.get(&entry.id).is_some_and(|known| Arc::ptr_eq(known, entry)) {
            entries.remove(&entry.id);
        }
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
            address: IpAddr::from([127, 0, 0, 1]),
            since: Instant::now(),
            samples: AtomicU64::new(0),
            lags: vec![AtomicU64::new(lag_seconds * 1_000)],
            max_lag: AtomicU64::new(0),
            is_waiting: AtomicBool::new(false),
            streams: OnceLock::new(),
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
