//! The events of a session. Each is written to the journal, measured and numbered before a dialect gets it.
//!
//! Invariants: numbers start at 0 and have no gaps, also over resets. An event is retained as it was sent until it is
//! acknowledged, within [`MAX_RETAINED_BYTES`] and [`RETAIN_FOR`]. No event follows the last one. Threads: one task,
//! the connection's writing task.

use super::{
    channels::{Channels, OfChannel},
    resume::Durable,
    session::{Session, Shared},
};
use auricle_core::{Event, Failure};
use auricle_plugin_api::Segment;
use auricle_stream::Continuation;
use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

/// The largest size of unacknowledged events that are retained. The oldest are dropped first.
const MAX_RETAINED_BYTES: usize = 1 << 20;
/// The longest time that an event is retained.
const RETAIN_FOR: Duration = Duration::from_secs(300);

/// An event with its number.
#[derive(Debug, Clone, PartialEq)]
pub struct NumberedEvent {
    /// The number, from 0 for the session's first event.
    pub seq: u64,
    /// The channel, from 0. `None` if the event is about the whole session, or the session has only one stream.
    pub channel: Option<u16>,
    /// The event.
    pub event: Event,
}

impl NumberedEvent {
    /// Whether this is the last event.
    pub fn is_last(&self) -> bool {
        matches!(self.event, Event::Done(_) | Event::Failed(_))
    }
}

/// The events of one session. When it is dropped, later events are dropped, too.
#[derive(Debug)]
pub struct SessionEvents {
    shared: Arc<Shared>,
    /// If each channel has a stream.
    channels: Option<Box<Channels>>,
    next: u64,
    ended: bool,
    retained: Retained,
    epoch: u32,
    /// End of the last segment of this epoch of each stream, in samples of the model.
    final_ends: Vec<u64>,
    /// Events of this epoch that clients count: started speech, segments, endpoints.
    told: u64,
}

/// What a client has been heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// The epoch.
    pub epoch: u32,
    /// The client's frames that were received in it.
    pub received: u64,
    /// The end of its last segment, in samples of the model; of the channel that is the furthest behind.
    pub final_end: u64,
    /// How far it is stored, if it is.
    pub durable: Option<Durable>,
    /// Whether the client should acknowledge the events that it has, so that a point can be stored.
    pub wants_ack: bool,
}

impl SessionEvents {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let count = shared.streams.len();
        let (channels, final_ends) = ((count > 1).then(|| Box::new(Channels::new(count))), vec![0; count]);
        Self { shared, channels, next: 0, ended: false, retained: Retained::default(), epoch: 0, final_ends, told: 0 }
    }

    /// Another process began the session; the client has the events up to `last_seq`.
    pub(super) fn continue_from(&mut self, from: &Continuation, last_seq: Option<u64>) {
        self.next = last_seq.map_or(0, |seq| seq.saturating_add(1));
        self.shared.acknowledged.store(self.next, Ordering::Relaxed);
        (self.epoch, self.told) = (from.point.epoch, from.told);
        self.final_ends.fill(from.text_end);
    }

    /// Waits for events and takes all of them. Returns none after the last event. Cancel-safe: no event is lost if the
    /// future is dropped.
    pub async fn next(&mut self) -> Vec<Arc<NumberedEvent>> {
        if self.ended {
            return Vec::new();
        }
        match &mut self.channels {
            Some(channels) => {
                let events = channels.next(&self.shared.streams).await;
                self.number(events)
            }
            None => {
                let events = self.shared.streams[0].events().await;
                self.number(events.into_iter().map(|event| (None, event)))
            }
        }
    }

    /// Takes all waiting events.
    pub fn take(&mut self) -> Vec<Arc<NumberedEvent>> {
        if self.ended {
            return Vec::new();
        }
        match &mut self.channels {
            Some(channels) => {
                let events = channels.take(&self.shared.streams);
                self.number(events)
            }
            None => {
                let events = self.shared.streams[0].take_events();
                self.number(events.into_iter().map(|event| (None, event)))
            }
        }
    }

    /// Waits for events, or until the audio so far is processed: see [`Session::caught_up`]. Returns the events so far, and whether it is
    /// processed.
    pub async fn until_caught_up(&mut self, session: &mut Session) -> (Vec<Arc<NumberedEvent>>, bool) {
        tokio::select! {
            biased;
            () = session.caught_up() => (self.take(), true),
            events = self.next() => (events, false),
        }
    }

    /// Drops the retained events up to this number, because they have reached the client.
    pub fn acknowledge(&mut self, seq: u64) {
        self.retained.acknowledge_before(seq.saturating_add(1));
    }

    /// The retained events after `last_seq`, or all, and how many between are gone.
    pub fn after(&mut self, last_seq: Option<u64>) -> (Vec<Arc<NumberedEvent>>, u64) {
        self.retained.acknowledge_before(self.shared.acknowledged.load(Ordering::Relaxed));
        after(self.retained.events.iter().map(|(_, event)| event), self.next, last_seq)
    }

    /// All retained events, at the end of the session.
    pub fn into_retained(mut self) -> Vec<Arc<NumberedEvent>> {
        self.after(None).0
    }

    /// What was heard of the client. Call it now and then: it also has the session's points stored.
    pub fn heard(&self) -> Heard {
        if let Some(stored) = &self.shared.stored
            && let Some(point) = self.shared.streams[0].latest_point().filter(|point| point.epoch == self.epoch)
        {
            stored.consider(point, self.told, self.next, self.shared.acknowledged.load(Ordering::Relaxed));
        }
        Heard {
            epoch: self.epoch,
            received: self.shared.received.load(Ordering::Relaxed),
            final_end: self.final_ends.iter().copied().min().unwrap_or_default(),
            durable: self.shared.stored.as_ref().map(|stored| stored.durable(self.epoch)),
            wants_ack: self.shared.stored.as_ref().is_some_and(|stored| stored.waits_for_client()),
        }
    }

    /// Ends the session of a client that does not read. No event is sent for it, because the client would not read it.
    pub fn give_up(&mut self, failure: Failure) {
        if !self.ended {
            // An error of the journal has been logged.
            let _ = self.shared.lease.giving_up(&failure);
            self.shared.fail(&failure);
            self.ended = true;
        }
    }

    fn number(&mut self, events: impl IntoIterator<Item = OfChannel>) -> Vec<Arc<NumberedEvent>> {
        let now = Instant::now();
        self.retained.acknowledge_before(self.shared.acknowledged.load(Ordering::Relaxed));
        let events = events.into_iter();
        let mut numbered = Vec::with_capacity(events.size_hint().0);
        let shared = Arc::clone(&self.shared);
        let with_warnings = events.flat_map(|(channel, event)| {
            let is_first = matches!(event, Event::Ready { epoch: 0 });
            let warnings = shared.warnings.iter().filter(move |_| is_first).cloned();
            [(channel, event)].into_iter().chain(warnings.map(|warning| (None, Event::Warning(warning))))
        });
        for (channel, event) in with_warnings {
            let event = match self.shared.lease.sending(channel, &event) {
                Ok(()) => match event {
                    Event::Failed(failure) => Event::Failed(failure.for_client(self.shared.lease.id())),
                    event => event,
                },
                Err(failure) => {
                    self.shared.fail(&failure);
                    self.shared.lease.failed(&failure, true);
                    Event::Failed(failure.for_client(self.shared.lease.id()))
                }
            };
            match &event {
                Event::Ready { epoch } => {
                    (self.epoch, self.told) = (*epoch, 0);
                    self.final_ends.fill(0);
                }
                Event::Segment(segment) => {
                    self.final_ends[usize::from(channel.unwrap_or(0))] = segment.end;
                    self.told += 1;
                }
                Event::SpeechStarted(_) | Event::Endpoint(_) => self.told += 1,
                _ => {}
            }
            let event = Arc::new(NumberedEvent { seq: self.next, channel, event });
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

/// Those of the events after `last_seq`, or all, and how many between are gone; `end` is one past the last event ever sent.
pub(super) fn after<'a>(
    events: impl Iterator<Item = &'a Arc<NumberedEvent>>,
    end: u64,
    last_seq: Option<u64>,
) -> (Vec<Arc<NumberedEvent>>, u64) {
    let next = last_seq.map_or(0, |seq| seq.saturating_add(1));
    let events: Vec<_> = events.filter(|event| event.seq >= next).cloned().collect();
    let first = events.first().map_or(end, |event| event.seq);
    (events, first.saturating_sub(next))
}

/// Events that were sent but not acknowledged.
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

    fn acknowledge_before(&mut self, seq: u64) {
        while self.events.front().is_some_and(|(_, event)| event.seq < seq) {
            self.drop_first();
        }
    }

    fn drop_first(&mut self) {
        if let Some((_, event)) = self.events.pop_front() {
            self.bytes -= size(&event.event);
        }
    }
}

/// The approximate memory of an event, in bytes.
fn size(event: &Event) -> usize {
    let text = |segment: &Segment| {
        let words: usize = segment.words.iter().map(|word| size_of_val(word) + word.text_bytes().len()).sum();
        segment.text_bytes().len() + words
    };
    size_of::<NumberedEvent>()
        + match event {
            Event::Partial(segment) | Event::Segment(segment) => text(segment),
            Event::Failed(failure) => failure.message.len(),
            Event::Warning(warning) => warning.message.len(),
            _ => 0,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(seq: u64, text: &str) -> Arc<NumberedEvent> {
        Arc::new(NumberedEvent { seq, channel: None, event: Event::Segment(Segment::new(0, 1, text)) })
    }

    fn kept(retained: &Retained) -> Vec<u64> {
        retained.events.iter().map(|(_, event)| event.seq).collect()
    }

    #[test]
    fn what_is_acknowledged_is_let_go() {
        let (mut retained, now) = (Retained::default(), Instant::now());
        (0..5).for_each(|seq| retained.keep(event(seq, "word"), now));
        retained.acknowledge_before(3);
        assert_eq!(kept(&retained), [3, 4]);
        retained.acknowledge_before(10);
        assert_eq!((kept(&retained), retained.bytes), (vec![], 0));
    }

    #[test]
    fn what_a_client_lacks_is_found_and_what_is_gone_is_counted() {
        let events: Vec<_> = (3..5).map(|seq| event(seq, "word")).collect();
        for (last_seq, first, missed) in
            [(None, Some(3), 3), (Some(1), Some(3), 1), (Some(3), Some(4), 0), (Some(9), None, 0)]
        {
            let (found, gone) = after(events.iter(), 5, last_seq);
            assert_eq!((found.first().map(|event| event.seq), gone), (first, missed), "{last_seq:?}");
        }
        assert_eq!(after([].iter(), 5, Some(1)), (vec![], 3));
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
