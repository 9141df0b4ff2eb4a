//! Which presets operators have loaded while the server runs, in the order of their use. How they are loaded is in `loading`.
//!
//! Threads: any; one configuration is loaded at a time.

use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Mutex as Turns;

/// The presets that operators have loaded.
#[derive(Debug, Default)]
pub(super) struct LoadedPresets {
    /// Held while one is loaded.
    pub(super) turns: Turns<()>,
    /// The one that was loaded last is the last.
    list: Mutex<Vec<Loaded>>,
}

#[derive(Debug)]
struct Loaded {
    preset: String,
    /// The name of the key that has loaded it last; `None` if keys are not required.
    key: Option<String>,
}

impl LoadedPresets {
    /// The presets, the one that was loaded last at the end.
    pub(super) fn names(&self) -> Vec<String> {
        self.list().iter().map(|loaded| loaded.preset.clone()).collect()
    }

    /// The preset that a key has loaded last.
    pub(super) fn of_key(&self, key: Option<&str>) -> Option<String> {
        self.list().iter().rev().find(|loaded| loaded.key.as_deref() == key).map(|loaded| loaded.preset.clone())
    }

    /// Notes that a key has loaded a preset. Returns the presets that must go, so that at most `most` are left.
    pub(super) fn note(&self, preset: &str, key: Option<&str>, most: usize) -> Vec<String> {
        let mut list = self.list();
        list.retain(|loaded| loaded.preset != preset);
        list.push(Loaded { preset: preset.to_owned(), key: key.map(str::to_owned) });
        let more = list.len().saturating_sub(most);
        list.drain(..more).map(|loaded| loaded.preset).collect()
    }

    fn list(&self) -> MutexGuard<'_, Vec<Loaded>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_that_was_loaded_longest_ago_goes() {
        let loaded = LoadedPresets::default();
        assert!(loaded.note("a", Some("boss"), 2).is_empty());
        assert!(loaded.note("b", None, 2).is_empty());
        // Loaded once more.
        assert!(loaded.note("a", Some("other"), 2).is_empty());
        assert_eq!((loaded.of_key(Some("boss")), loaded.of_key(Some("other"))), (None, Some("a".to_owned())));
        assert_eq!(loaded.note("c", None, 2), ["b"]);
        assert_eq!(loaded.names(), ["a", "c"]);
        assert_eq!(loaded.of_key(None), Some("c".to_owned()));
    }
}
