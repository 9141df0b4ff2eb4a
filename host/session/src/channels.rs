//! The events of a session with a stream for each channel, in one order.
//!
//! Invariants: the events of one channel keep their order. What is about the whole session (ready, flushed, the end) is told once, when
//! each channel is there; one that is there first waits, and so do its later events. If a channel fails, the others end with the
//! text of the audio that they have, and then the session fails. Threads: the task that takes the session's events.

use auricle_core::{Event, Failure};
use auricle_stream::Stream;
use futures_util::future::select_all;
use std::{collections::VecDeque, future::pending, sync::Arc};

/// An event, and its channel, from 0; `None` if it is about the whole session.
pub(super) type OfChannel = (Option<u16>, Event);

/// Merges the events of the streams.
#[derive(Debug)]
pub(super) struct Channels {
    /// The events of each stream that are not told yet.
    waiting: Vec<VecDeque<Event>>,
    /// The epoch whose `Event::Ready` was told.
    epoch: Option<u32>,
    /// The first failure of a channel.
    failure: Option<Failure>,
}

impl Channels {
    pub(super) fn new(count: usize) -> Self {
        Self { waiting: vec![VecDeque::new(); count], epoch: None, failure: None }
    }

    /// Waits for events and takes all of them; for ever after the last. Cancel-safe.
    pub(super) async fn next(&mut self, streams: &[Arc<Stream>]) -> Vec<OfChannel> {
        loop {
            let told = self.take(streams);
            if !told.is_empty() {
                return told;
            }
            self.wait(streams).await;
        }
    }

    /// Takes all events that can be told.
    pub(super) fn take(&mut self, streams: &[Arc<Stream>]) -> Vec<OfChannel> {
        let mut told = Vec::new();
        loop {
            let mut is_new = false;
            // The others wait, and their streams pause if too much waits in them.
            for (waiting, stream) in self.waiting.iter_mut().zip(streams).filter(|(waiting, _)| waiting.is_empty()) {
                waiting.extend(stream.take_events());
                is_new |= !waiting.is_empty();
            }
            if let Some(failure) = self.new_failure() {
                streams.iter().for_each(|stream| stream.close(failure.clone()));
            }
            self.merge(&mut told);
            if !is_new {
                return told;
            }
        }
    }

    /// Waits for events of a channel that does not wait for others.
    async fn wait(&mut self, streams: &[Arc<Stream>]) {
        let open = self.waiting.iter_mut().zip(streams).filter(|(waiting, _)| waiting.is_empty());
        let waits: Vec<_> =
            open.map(|(waiting, stream)| Box::pin(async move { waiting.extend(stream.events().await) })).collect();
        if waits.is_empty() {
            pending().await
        }
        select_all(waits).await;
    }

    /// The first failure of a channel, when it comes.
    fn new_failure(&mut self) -> Option<Failure> {
        if self.failure.is_some() {
            return None;
        }
        self.failure = self.waiting.iter().flatten().find_map(|event| match event {
            Event::Failed(failure) => Some(failure.clone()),
            _ => None,
        });
        self.failure.clone()
    }

    /// Moves to `told` what can be told.
    fn merge(&mut self, told: &mut Vec<OfChannel>) {
        loop {
            self.drop_vain();
            for (channel, waiting) in (0..).zip(&mut self.waiting) {
                while waiting.front().is_some_and(|event| !is_of_all(event)) {
                    told.extend(waiting.pop_front().map(|event| (Some(channel), event)));
                }
            }
            let fronts: Option<Vec<_>> = self.waiting.iter().map(VecDeque::front).collect();
            let event = match (fronts.as_deref(), &self.failure) {
                (Some(fronts), Some(failure)) if fronts.iter().all(|front| is_end(front)) => {
                    Event::Failed(failure.clone())
                }
                (Some([first, others @ ..]), None) if others.iter().all(|other| is_same(first, other)) => {
                    (*first).clone()
                }
                _ => return,
            };
            if let Event::Ready { epoch } = event {
                self.epoch = Some(epoch);
            }
            self.waiting.iter_mut().for_each(|waiting| drop(waiting.pop_front()));
            told.push((None, event));
        }
    }

    /// Drops what is from before a reset, and after a failure what the client would wait for in vain.
    fn drop_vain(&mut self) {
        let of_ready = self.waiting.iter().flatten().filter_map(|event| match event {
            Event::Ready { epoch } => Some(*epoch),
            _ => None,
        });
        let latest = of_ready.max().max(self.epoch);
        let (is_ready, has_failed) = (self.epoch.is_some() && self.epoch == latest, self.failure.is_some());
        for waiting in &mut self.waiting {
            while waiting.front().is_some_and(|front| match front {
                Event::Done(_) | Event::Failed(_) => false,
                Event::Ready { epoch } => has_failed || Some(*epoch) < latest,
                Event::Flushed(_) => has_failed || !is_ready,
                _ => !is_ready,
            }) {
                waiting.pop_front();
            }
        }
    }
}

/// Whether an event is about the whole session.
fn is_of_all(event: &Event) -> bool {
    matches!(event, Event::Ready { .. } | Event::Flushed(_)) || is_end(event)
}

fn is_end(event: &Event) -> bool {
    matches!(event, Event::Done(_) | Event::Failed(_))
}

/// Whether two channels are at the same event. All have the same audio, so its length does not matter.
fn is_same(one: &Event, other: &Event) -> bool {
    match (one, other) {
        (Event::Flushed(_), Event::Flushed(_)) | (Event::Done(_), Event::Done(_)) => true,
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use auricle_core::FailureCode;
    use auricle_plugin_api::Segment;

    fn text(text: &str) -> Event {
        Event::Segment(Segment::new(0, 1, text))
    }

    fn failed() -> Event {
        Event::Failed(Failure::new(FailureCode::EngineError, "broken"))
    }

    /// What is told, step by step: each step has the new events of two channels.
    fn told(steps: &[[&[Event]; 2]]) -> Vec<Vec<OfChannel>> {
        let mut channels = Channels::new(2);
        let step = |events: &[&[Event]; 2]| {
            let mut told = Vec::new();
            for (waiting, events) in channels.waiting.iter_mut().zip(events) {
                waiting.extend(events.iter().cloned());
            }
            channels.new_failure();
            channels.merge(&mut told);
            told
        };
        steps.iter().map(step).collect()
    }

    #[test]
    fn what_is_about_all_channels_is_told_once_when_all_are_there() {
        let (ready, flushed, done) = (Event::Ready { epoch: 0 }, Event::Flushed(9), Event::Done(9));
        let told = told(&[
            [&[ready.clone(), text("a"), flushed.clone(), text("b")], &[]],
            [&[], std::slice::from_ref(&ready)],
            [&[], &[text("c"), flushed.clone(), text("d"), done.clone()]],
            [std::slice::from_ref(&done), &[]],
        ]);
        let of = |channel, event: &Event| (Some(channel), event.clone());
        assert_eq!(told[0], []);
        assert_eq!(told[1], [(None, ready), of(0, &text("a"))]);
        assert_eq!(told[2], [of(1, &text("c")), (None, flushed), of(0, &text("b")), of(1, &text("d"))]);
        assert_eq!(told[3], [(None, done)]);
    }

    #[test]
    fn a_reset_drops_what_waits_for_other_channels() {
        let ready = |epoch| Event::Ready { epoch };
        let told = told(&[
            [&[ready(0), Event::Flushed(1), text("old")], &[ready(0)]],
            // The client resets twice before the second channel is flushed.
            [&[], &[ready(2), text("new")]],
            [&[ready(1), text("old")], &[]],
            [&[ready(2)], &[]],
        ]);
        assert_eq!(told[..3], [vec![(None, ready(0))], vec![], vec![]]);
        assert_eq!(told[3], [(None, ready(2)), (Some(1), text("new"))]);
    }

    #[test]
    fn a_failure_is_told_when_the_other_channels_have_told_their_text() {
        let ready = Event::Ready { epoch: 0 };
        let steps = told(&[
            [std::slice::from_ref(&ready), &[ready.clone(), Event::Flushed(1)]],
            [&[failed()], &[]],
            [&[], &[text("last"), Event::Done(1)]],
        ]);
        assert_eq!(steps[1..], [vec![], vec![(Some(1), text("last")), (None, failed())]]);
        let unopened = told(&[[&[failed()], &[ready, text("early"), failed()]]]);
        assert_eq!(unopened, [vec![(None, failed())]]);
    }
}
