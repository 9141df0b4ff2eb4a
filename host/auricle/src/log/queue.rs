//! Queue of the log lines to be written.
//!
//! Invariants: adding a line never waits for the writer. The queue is bounded in bytes; its last part is reserved for
//! errors, and some more for warnings. Lines that do not fit are counted, and the count takes their place in the queue.
//! Threads: any adds, one takes.

use auricle_core::log::{Dropped, LOW, takes};
use std::{
    collections::VecDeque,
    mem,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tracing::Level;

/// Bytes that a line takes beside its text.
const OVERHEAD: usize = 64;

/// An entry of the queue.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Item {
    Line(Level, Vec<u8>),
    /// Lines were dropped here.
    Gap(Dropped),
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    added: Condvar,
    emptied: Condvar,
}

#[derive(Debug, Default)]
struct State {
    items: VecDeque<Item>,
    /// Sum over the lines in `items`.
    bytes: usize,
    /// Dropped since the last gap in `items`.
    dropped: Dropped,
    /// The writer still processes the item that it took last.
    busy: bool,
}

impl State {
    /// Queues the count of dropped lines, once there is room for further lines.
    fn close_gap(&mut self) {
        if !self.dropped.is_empty() && self.bytes <= LOW {
            self.items.push_back(Item::Gap(mem::take(&mut self.dropped)));
        }
    }
}

impl Queue {
    /// Adds a line; returns `false` if it is dropped.
    pub(super) fn add(&self, level: Level, line: Vec<u8>) -> bool {
        let mut state = self.state();
        let length = line.len() + OVERHEAD;
        let taken = takes(level, length, state.bytes, !state.dropped.is_empty());
        if taken {
            state.bytes += length;
            state.items.push_back(Item::Line(level, line));
        } else {
            state.dropped.add(level);
            state.close_gap();
        }
        self.added.notify_one();
        taken
    }

    /// Waits for the next item. The previous one counts as written.
    pub(super) fn take(&self) -> Item {
        let mut state = self.state();
        state.busy = false;
        loop {
            if let Some(item) = state.items.pop_front() {
                if let Item::Line(_, line) = &item {
                    state.bytes -= line.len() + OVERHEAD;
                }
                state.close_gap();
                state.busy = true;
                return item;
            }
            self.emptied.notify_all();
            state = self.added.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until all items are written, for at most `limit`.
    pub(super) fn drain(&self, limit: Duration) {
        let (since, mut state) = (Instant::now(), self.state());
        while state.busy || !state.items.is_empty() {
            let Some(left) = limit.checked_sub(since.elapsed()).filter(|left| !left.is_zero()) else { return };
            state = self.emptied.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use auricle_core::log::ROOM;

    /// A line of 1 KiB with its overhead.
    fn line() -> Vec<u8> {
        vec![b'x'; 1024 - OVERHEAD]
    }

    fn fill(queue: &Queue, level: Level) -> usize {
        (0..2_000).filter(|_| queue.add(level, line())).count()
    }

    #[test]
    fn room_is_kept_for_warnings_and_errors() {
        let queue = Queue::default();
        assert_eq!(fill(&queue, Level::INFO), 512);
        assert_eq!(fill(&queue, Level::DEBUG), 0);
        assert_eq!(fill(&queue, Level::WARN), 256);
        assert_eq!(fill(&queue, Level::ERROR), 256);
    }

    #[test]
    fn lines_come_in_order_with_the_counts_where_lines_are_missing() {
        let queue = Queue::default();
        let taken = fill(&queue, Level::INFO);
        assert!(queue.add(Level::ERROR, b"bad".to_vec()));
        for _ in 0..taken {
            assert_eq!(queue.take(), Item::Line(Level::INFO, line()));
        }
        // There was room again long ago, behind the error.
        assert!(queue.add(Level::INFO, b"later".to_vec()));
        assert_eq!(queue.take(), Item::Line(Level::ERROR, b"bad".to_vec()));
        let Item::Gap(dropped) = queue.take() else { panic!("no gap") };
        assert_eq!((dropped.to_string().split_once(": ").unwrap().1, taken), ("1488 info", 512));
        assert_eq!(queue.take(), Item::Line(Level::INFO, b"later".to_vec()));
        queue.drain(Duration::from_millis(1));
    }

    #[test]
    fn after_a_gap_lines_wait_for_room_but_errors_do_not() {
        let queue = Queue::default();
        fill(&queue, Level::INFO);
        queue.take();
        assert!(!queue.add(Level::INFO, line()));
        assert!(queue.add(Level::ERROR, line()));
    }

    #[test]
    fn a_line_that_is_too_long_for_an_empty_queue_is_told_of() {
        let queue = Queue::default();
        assert!(!queue.add(Level::INFO, vec![0; ROOM]));
        let mut one = Dropped::default();
        one.add(Level::INFO);
        assert_eq!(queue.take(), Item::Gap(one));
    }
}
