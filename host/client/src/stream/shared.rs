//! The state of a stream, shared by its driver and whoever sends and reads.
//!
//! The lock is held for the time of one call only, never while anybody waits.

use super::core::Core;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// A core, and news of it.
#[derive(Debug)]
pub(super) struct Shared {
    core: Mutex<Core>,
    changes: watch::Sender<()>,
}

impl Shared {
    pub(super) fn new(core: Core) -> Self {
        Self { core: Mutex::new(core), changes: watch::Sender::new(()) }
    }

    /// The state, to be looked at.
    pub(super) fn look(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, and wakes all who wait.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Core) -> T) -> T {
        let changed = change(&mut self.look());
        self.changes.send_replace(());
        changed
    }

    /// Waits until the state gives a result.
    pub(super) async fn until<T>(&self, mut result: impl FnMut(&mut Core) -> Option<T>) -> T {
        let mut changes = self.changes.subscribe();
        loop {
            // The guard must not live while this waits.
            let found = result(&mut self.look());
            if let Some(found) = found {
                return found;
            }
            // The sender lives as long as `self`.
            let _ = changes.changed().await;
        }
    }
}
