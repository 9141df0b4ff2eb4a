//! A limited number of permits, for the streams of a server, a model or a key.
//!
//! Invariant: the count equals the number of existing [`Permit`]s; dropping a permit returns it. Threads: any.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// A limited number of permits. Clones share the count.
#[derive(Debug, Clone)]
pub struct Permits {
    limit: usize,
    taken: Arc<AtomicUsize>,
}

impl Permits {
    /// Allows at most `limit` permits at a time.
    pub fn new(limit: usize) -> Self {
        Self { limit, taken: Arc::default() }
    }

    /// The same count with another limit. If more permits are taken than a lower limit allows, they stay valid, and no
    /// new one is given until the count is below the limit.
    pub fn with_limit(&self, limit: usize) -> Self {
        Self { limit, taken: Arc::clone(&self.taken) }
    }

    /// Takes a permit, unless all are taken.
    pub fn try_take(&self) -> Option<Permit> {
        let more = |taken| (taken < self.limit).then_some(taken + 1);
        let before = self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        before.is_ok().then(|| Permit(Arc::clone(&self.taken)))
    }

    /// The number of permits taken now.
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// The largest number of permits.
    pub fn limit(&self) -> usize {
        self.limit
    }
}

/// One permit. Dropping it returns it.
#[derive(Debug)]
#[must_use = "dropping a permit returns it"]
pub struct Permit(Arc<AtomicUsize>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn there_are_only_so_many_and_they_come_back() {
        let permits = Permits::new(2);
        let (first, second) = (permits.try_take(), permits.clone().try_take());
        assert!(first.is_some() && second.is_some() && permits.try_take().is_none());
        assert_eq!(permits.taken(), 2);
        drop(first);
        let again = permits.try_take();
        assert!(again.is_some() && permits.try_take().is_none());
        drop((second, again));
        assert_eq!(permits.taken(), 0);
        assert!(Permits::new(0).try_take().is_none());
    }

    #[test]
    fn another_limit_counts_those_that_are_taken() {
        let before = Permits::new(2);
        let held: Vec<_> = (0..2).filter_map(|_| before.try_take()).collect();
        let lower = before.with_limit(1);
        assert_eq!((lower.limit(), lower.taken()), (1, 2));
        assert!(lower.try_take().is_none() && before.with_limit(3).try_take().is_some());
        drop(held);
        assert!(lower.try_take().is_some());
    }

    #[test]
    fn threads_do_not_take_more_than_there_are() {
        let permits = Permits::new(3);
        let take = || (0..100).filter_map(|_| permits.try_take()).collect::<Vec<_>>();
        let held: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!((held.len(), permits.taken()), (3, 3));
    }
}
