//! The events of a session on their way out: each is in the journal, measured and numbered before a dialect gets it.
//!
//! Invariants: numbers count from 0 without gaps, over resets too; an event is kept as it was sent until it is acknowledged,
//! within [`MAX_RETAINED_BYTES`] and [`RETAIN_FOR`]; after the last event none comes. One task: the connection's writer.

use super::session::Shared;
use auricle_core::{Event, Failure, FailureCode};
use auricle_plugin_api::Segment;
use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

/// The most that is kept of events that nobody acknowledged; the oldest go first.
const MAX_RETAINED_BYTES: usize = 1 << 20;
/// The longest that an event is kept.
const RETAIN_FOR: Duration = Duration::from_secs(300);

/// An event with its number.
#[derive(Debug, Clone, PartialEq)]
pub struct NumberedEvent {
    /// 0 for the first of the session.
    pub seq: u64,
    /// What happened.
    pub event: Event,
}

impl NumberedEvent {
    /// Whether nothing comes after it.
    pub fn is_last(&self) -> bool {
        matches!(self.event, Event::Done(_) | Event::Failed(_))
    }
}

/// The events of one session. Dropped, what is still to come is dropped too.
#[derive(Debug)]
pub struct SessionEvents {
    shared: Arc<Shared>,
    next: u64,
    ended: bool,
    retained: Retained,
}

impl SessionEvents {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, next: 0, ended: false, retained: Retained::default() }
    }

    /// Waits for events and takes all that there are; empty after the last one. A call that is dropped loses none.
    pub async fn next(&mut self) -> Vec<Arc<NumberedEvent>> {
        if self.ended {
            return Vec::new();
        }
        let events = self.shared.stream.events().await;
        self.number(events)
    }

    /// Takes the events that there are.
    pub fn take(&mut self) -> Vec<Arc<NumberedEvent>> {
        if self.ended {
            return Vec::new();
        }
        let events = self.shared.stream.take_events();
        self.number(events)
    }

    /// Everything up to this number has reached the client, as far as the dialect can tell.
    pub fn acknowledge(&mut self, seq: u64) {
        self.retained.acknowledge(seq);
    }

    /// Ends the session of a client that takes no events; none would tell it so.
    pub fn give_up(&mut self, failure: Failure) {
        if !self.ended {
            // Where the journal cannot be written, that is in the log.
            let _ = self.shared.lease.sending(&Event::Failed(failure.clone()));
            self.shared.stream.fail(failure);
            self.ended = true;
        }
    }

    fn number(&mut self, events: VecDeque<Event>) -> Vec<Arc<NumberedEvent>> {
        let now = Instant::now();
        let mut numbered = Vec::with_capacity(events.len());
        for event in events {
            let event = match self.shared.lease.sending(&event) {
                Ok(()) => event,
                Err(failure) => {
                    self.shared.stream.fail(failure.clone());
                    self.shared.lease.failed(FailureCode::JournalFailed);
                    Event::Failed(failure)
                }
            };
            let event = Arc::new(NumberedEvent { seq: self.next, event });
            self.next += 1;
            self.ended = event.is_last();
            self.retained.keep(Arc::clone(&event), now);
            numbered.push(event);
            if self.ended {
                break;
            }
        }
        numbered
    }
}

/// Events sent and not acknowledged.
#[derive(Debug, Default)]
struct Retained {
    events: VecDeque<(Instant, Arc<NumberedEvent>)>,
    bytes: usize,
}

impl Retained {
    fn keep(&mut self, event: Arc<NumberedEvent>, now: Instant) {
        self.bytes += size(&event.event);
        self.events.push_back((now, event));
        while self.bytes > MAX_RETAINED_BYTES
            || self.events.front().is_some_and(|(sent, _)| now.duration_since(*sent) > RETAIN_FOR)
        {
            self.drop_first();
        }
    }

    fn acknowledge(&mut self, seq: u64) {
        while self.events.front().is_some_and(|(_, event)| event.seq <= seq) {
            self.drop_first();
        }
    }

    fn drop_first(&mut self) {
        if let Some((_, event)) = self.events.pop_front() {
            self.bytes -= size(&event.event);
        }
    }
}

/// About how much memory an event takes.
fn size(event: &Event) -> usize {
    let text = |segment: &Segment| {
        let words: usize = segment.words.iter().map(|word| size_of_val(word) + word.text_bytes().len()).sum();
        segment.text_bytes().len() + words
    };
    size_of::<NumberedEvent>()
        + match event {
            Event::Partial(segment) | Event::Segment(segment) => text(segment),
            Event::Failed(failure) => failure.message.len(),
            _ => 0,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(seq: u64, text: &str) -> Arc<NumberedEvent> {
        Arc::new(NumberedEvent { seq, event: Event::Segment(Segment::new(0, 1, text)) })
    }

    fn kept(retained: &Retained) -> Vec<u64> {
        retained.events.iter().map(|(_, event)| event.seq).collect()
    }

    #[test]
    fn what_is_acknowledged_is_let_go() {
        let (mut retained, now) = (Retained::default(), Instant::now());
        (0..5).for_each(|seq| retained.keep(event(seq, "word"), now));
        retained.acknowledge(2);
        assert_eq!(kept(&retained), [3, 4]);
        retained.acknowledge(9);
        assert_eq!((kept(&retained), retained.bytes), (vec![], 0));
    }

    #[test]
    fn what_is_not_acknowledged_is_kept_within_bounds() {
        let (mut retained, start) = (Retained::default(), Instant::now());
        let text = "x".repeat(MAX_RETAINED_BYTES / 4);
        (0..9).for_each(|seq| retained.keep(event(seq, &text), start));
        assert_eq!(kept(&retained), [6, 7, 8]);
        retained.keep(event(9, "late"), start + RETAIN_FOR + Duration::from_secs(1));
        assert_eq!(kept(&retained), [9]);
        assert!(retained.bytes < 1_000);
    }
}
