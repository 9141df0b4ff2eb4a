//! Events that wait to be sent to the client.
//!
//! Invariants: a partial that was not sent is replaced by the next text. No other event is dropped, except by a reset
//! or because the client is gone. No event is accepted after `Failed` or `Done`. Threads: the model's threads write,
//! the connection's writing task reads.

use auricle_core::Event;
use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;

/// The outbox of one stream.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    state: Mutex<State>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct State {
    events: VecDeque<Event>,
    epoch: u32,
    /// `Failed` or `Done` was pushed: no further event is accepted.
    ended: bool,
    /// The client is gone: events are dropped.
    unread: bool,
}

impl Outbox {
    /// An outbox whose first epoch is this one.
    pub(super) fn of_epoch(epoch: u32) -> Self {
        Self { state: Mutex::new(State { epoch, ..State::default() }), ..Self::default() }
    }

    /// Adds an event of `epoch`, or of no epoch if `None`. An event of an earlier epoch is dropped.
    pub(super) fn push(&self, epoch: Option<u32>, event: Event) {
        let mut state = self.lock();
        if state.ended || epoch.is_some_and(|epoch| epoch != state.epoch) {
            return;
        }
        state.ended = matches!(event, Event::Failed(_) | Event::Done(_));
        if state.unread {
            return;
        }
        let text = matches!(event, Event::Partial(_) | Event::Segment(_));
        if text && matches!(state.events.back(), Some(Event::Partial(_))) {
            state.events.pop_back();
        }
        state.events.push_back(event);
        drop(state);
        self.filled.notify_one();
    }

    /// Starts a new epoch and returns it. Drops the waiting events; from now on drops those of earlier epochs.
    pub(super) fn start_epoch(&self) -> u32 {
        let mut state = self.lock();
        if !state.ended {
            state.events.clear();
            state.epoch += 1;
        }
        state.epoch
    }

    /// Whether events of `epoch` would be dropped.
    pub(super) fn is_over(&self, epoch: u32) -> bool {
        let state = self.lock();
        state.ended || state.unread || state.epoch != epoch
    }

    /// Drops all waiting and all later events, because the client is gone.
    pub(super) fn abandon(&self) {
        let mut state = self.lock();
        state.unread = true;
        state.events.clear();
    }

    /// Takes all waiting events.
    pub(super) fn take(&self) -> VecDeque<Event> {
        std::mem::take(&mut self.lock().events)
    }

    /// Waits for events and takes all of them. Never empty.
    pub(super) async fn wait(&self) -> VecDeque<Event> {
        loop {
            let events = self.take();
            if !events.is_empty() {
                return events;
            }
            self.filled.notified().await;
        }
    }

    /// The number of waiting events.
    pub(super) fn waiting(&self) -> usize {
        self.lock().events.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use auricle_plugin_api::Segment;

    fn partial(text: &str) -> Event {
        Event::Partial(Segment::new(0, 1, text))
    }

    #[tokio::test]
    async fn a_stale_partial_is_replaced_and_segments_are_kept() {
        let outbox = Outbox::default();
        let segment = Event::Segment(Segment::new(0, 1, "a"));
        for event in [partial("a"), partial("a b"), segment.clone(), segment.clone(), partial("c")] {
            outbox.push(Some(0), event);
        }
        assert_eq!(outbox.wait().await, [segment.clone(), segment, partial("c")]);
    }

    #[tokio::test]
    async fn a_reset_drops_the_epoch_before() {
        let outbox = Outbox::default();
        outbox.push(Some(0), partial("old"));
        assert_eq!(outbox.start_epoch(), 1);
        assert!(outbox.is_over(0) && !outbox.is_over(1));
        outbox.push(Some(0), partial("late"));
        outbox.push(Some(1), Event::Ready { epoch: 1 });
        assert_eq!(outbox.wait().await, [Event::Ready { epoch: 1 }]);
    }

    #[tokio::test]
    async fn nothing_follows_the_end() {
        let outbox = Outbox::default();
        outbox.push(Some(0), Event::Done(5));
        outbox.push(Some(0), partial("late"));
        assert_eq!(outbox.wait().await, [Event::Done(5)]);
    }
}
