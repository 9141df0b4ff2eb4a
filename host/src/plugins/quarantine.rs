//! Deaths of one plugin's workers: where streams that have nothing to do with one another die of it, it is at fault.
//!
//! A plugin in quarantine opens no streams and starts no workers; streams on workers that live go on. A new file is a new
//! plugin with a record of its own; an operator may lift it. Threads: any.

use crate::worker::Death;
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Of the content of one plugin file.
#[derive(Debug)]
pub struct Quarantine {
    plugin: String,
    /// Streams that die within `window` before it is one.
    most: usize,
    window: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    deaths: Vec<(Instant, String)>,
    reason: Option<String>,
}

impl Quarantine {
    /// A clean record of a plugin, named for people.
    pub fn new(plugin: String, most: usize, window: Duration) -> Self {
        Self { plugin, most, window, state: Mutex::default() }
    }

    /// A stream's call was the last one of a worker.
    pub fn note_death(&self, stream: &str, death: &Death) {
        let mut state = self.lock();
        state.deaths.retain(|(at, other)| at.elapsed() < self.window && other != stream);
        state.deaths.push((Instant::now(), stream.to_owned()));
        let count = state.deaths.len();
        if count >= self.most && state.reason.is_none() {
            let reason = format!(
                "{} is in quarantine: {count} streams died of it within {} s, the last because its worker {death}",
                self.plugin,
                self.window.as_secs()
            );
            tracing::error!("{reason}; replace the file, or lift it by `auricle engines --release`");
            state.reason = Some(reason);
        }
    }

    /// Why its engines are not to be used, if so.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_several_streams() {
        let record = Quarantine::new("x 1.0.0".into(), 3, Duration::from_secs(60));
        let death = Death::from("crashed (SIGSEGV)".to_owned());
        for stream in ["a", "a", "a", "b"] {
            record.note_death(stream, &death);
            assert_eq!(record.reason(), None);
        }
        record.note_death("c", &death);
        assert!(record.reason().unwrap().contains("3 streams") && record.reason().unwrap().contains("SIGSEGV"));
        assert!(record.lift() && record.reason().is_none() && !record.lift());
    }
}
