//! Places for streams, of which there are only so many.
//!
//! Invariant: as many are taken as there are values of [`Place`]. Threads: any.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// An open stream's place on its model; dropped after the processor.
#[derive(Debug)]
pub struct Place(Arc<AtomicUsize>);

impl Place {
    /// One of `most`, if there is one left.
    pub(super) fn take(places: &Arc<AtomicUsize>, most: usize) -> Option<Self> {
        let more = |taken| (taken < most).then_some(taken + 1);
        let taken = places.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        taken.is_ok().then(|| Self(Arc::clone(places)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
