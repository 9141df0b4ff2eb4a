//! Quarantine: if a plugin's workers die on several unrelated streams, the plugin is at fault, not the streams.
//!
//! A plugin in quarantine gets no new streams and starts no new workers. Streams on running workers continue. A new
//! file has a new record. An operator may lift the quarantine. Threads: any.

use auricle_core::wording;
use auricle_stream::Death;
use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// The deaths of one plugin's workers, and its quarantine. One record per content of a plugin file.
#[derive(Debug)]
pub struct Quarantine {
    plugin: String,
    /// The number of unrelated deaths within `window` that causes a quarantine.
    most: usize,
    window: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    deaths: Vec<Record>,
    reason: Option<String>,
}

/// A worker's death, and the streams whose calls were running.
#[derive(Debug)]
struct Record {
    at: Instant,
    worker: u32,
    streams: Vec<String>,
}

impl Quarantine {
    /// Creates an empty record. `plugin` is the plugin's id and version, for messages.
    pub fn new(plugin: String, most: usize, window: Duration) -> Self {
        Self { plugin, most, window, state: Mutex::default() }
    }

    /// An empty record with the same limits, for another name.
    pub(crate) fn beside(&self, plugin: String) -> Self {
        Self::new(plugin, self.most, self.window)
    }

    /// Records that a stream's call was running when a worker died.
    pub fn note_death(&self, stream: &str, death: &Death) {
        let mut state = self.lock();
        state.deaths.retain(|record| record.at.elapsed() < self.window);
        match state.deaths.iter_mut().find(|record| record.worker == death.pid) {
            Some(record) => record.streams.push(stream.to_owned()),
            None => {
                let streams = vec![stream.to_owned()];
                state.deaths.push(Record { at: Instant::now(), worker: death.pid, streams });
            }
        }
        let count = unrelated(&state.deaths);
        if count >= self.most && state.reason.is_none() {
            let reason = format!(
                "{} is in quarantine: workers died {} within {} s on unrelated streams; the last one {death}",
                self.plugin,
                wording::count(count, "time"),
                self.window.as_secs()
            );
            tracing::error!("{reason}; replace the file, or lift the quarantine with `auricle engines --release`");
            state.reason = Some(reason);
        }
    }

    /// Why the plugin is in quarantine, if it is.
    pub fn reason(&self) -> Option<String> {
        self.lock().reason.clone()
    }

    /// Clears the record. Returns whether there was a quarantine.
    pub fn lift(&self) -> bool {
        let mut state = self.lock();
        state.deaths.clear();
        state.reason.take().is_some()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts the deaths that share no stream with an earlier death. In a batch, one death involves many streams.
fn unrelated(deaths: &[Record]) -> usize {
    let (mut seen, mut count) = (HashSet::new(), 0);
    for record in deaths {
        let streams = || record.streams.iter().map(String::as_str);
        count += usize::from(!streams().any(|stream| seen.contains(stream)));
        seen.extend(streams());
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_several_deaths_of_several_streams() {
        let record = Quarantine::new("x 1.0.0".into(), 3, Duration::from_secs(60));
        let note = |worker, stream| record.note_death(stream, &Death::new(worker, "crashed (SIGSEGV)".into()));
        // A stream that crashes several workers, and a batch.
        for (worker, stream) in [(1, "a"), (2, "a"), (3, "a"), (4, "b"), (4, "c"), (4, "d")] {
            note(worker, stream);
            assert_eq!(record.reason(), None);
        }
        note(5, "d");
        assert_eq!(record.reason(), None);
        note(6, "e");
        let reason = record.reason().unwrap();
        assert!(reason.contains("3 times") && reason.contains("SIGSEGV"), "{reason}");
        assert!(record.lift() && record.reason().is_none() && !record.lift());
    }
}
