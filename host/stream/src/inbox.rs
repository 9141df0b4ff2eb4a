//! Audio and commands that wait for the engine, cut to the engine's grid.
//!
//! Invariant: the engine's input depends only on the samples and the commands between them, not on the frames in which
//! they arrived. It consists of full chunks from the start of the epoch or the last flush, of which the first may have
//! another length, and one shorter rest before a flush or the end.
//!
//! Each work has two times. It *arrived* when its last sample did: until then it waited for the client, not for the
//! engine. It is *due* when it arrived, or, behind other audio, when that audio would have been spoken: audio sent at once
//! is due as if it were spoken from then on. The scheduler orders streams by what is due, so a client that sends much at once
//! delays no stream whose audio has just arrived, and is served as fast as speech at least.
//!
//! Threads: any, under the stream's lock.

use super::{backlog::Backlog, point::StreamPoint};
use auricle_plugin_api::Metadata;
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// One piece of work for the engine.
#[derive(Debug, PartialEq)]
pub(super) enum Work {
    /// Create the processor.
    Open,
    /// Process a full chunk.
    Chunk(Vec<f32>),
    /// Report all text up to here and continue. Holds the remaining audio and the client's frame count.
    Flush(Vec<f32>, u64),
    /// End the turn here: after the full chunks before.
    EndTurn,
    /// Discard everything and start this epoch.
    Reset(u32),
    /// Report all text and end. Holds the remaining audio.
    Finish(Vec<f32>),
}

impl Work {
    /// If the work can be batched with that of other streams: its audio, and whether the stream ends.
    pub(super) fn batchable(&self) -> Option<(&[f32], bool)> {
        match self {
            Self::Chunk(audio) => Some((audio, false)),
            Self::Finish(rest) => Some((rest, true)),
            Self::Open | Self::Flush(..) | Self::EndTurn | Self::Reset(_) => None,
        }
    }

    /// The number of samples in the work.
    pub(super) fn samples(&self) -> usize {
        match self {
            Self::Chunk(audio) | Self::Flush(audio, _) | Self::Finish(audio) => audio.len(),
            Self::Open | Self::EndTurn | Self::Reset(_) => 0,
        }
    }
}

/// Work with its times.
#[derive(Debug)]
struct Waiting {
    work: Work,
    times: Times,
}

#[derive(Debug, Clone, Copy)]
struct Times {
    arrived: Instant,
    due: Instant,
}

/// The audio and commands of a stream that wait for the engine.
#[derive(Debug)]
pub(super) struct Inbox {
    chunk: usize,
    /// The length of the first chunk after a start.
    first: usize,
    /// The length of the chunk that `pending` becomes.
    wanted: usize,
    waiting: VecDeque<Waiting>,
    /// Audio that does not fill a chunk yet.
    pending: Vec<f32>,
    /// The audio in `waiting`.
    backlog: Backlog,
    /// When the first audio in `waiting` arrived.
    since: Option<Instant>,
    /// When audio behind that in `waiting` is due at the earliest.
    next_due: Instant,
    /// The times of the work taken last.
    taken: Times,
}

impl Inbox {
    /// An inbox with nothing but [`Work::Open`]. `backlog` counts its audio, which begins at the point if there is one.
    pub(super) fn new(metadata: &Metadata, backlog: Backlog, from: Option<&StreamPoint>) -> Self {
        let now = Instant::now();
        let chunk = metadata.chunk_samples as usize;
        let first = metadata.first_chunk_samples.map_or(chunk, |first| first as usize);
        let wanted = from.map_or(first, |point| point.to_grid(first, chunk));
        let times = Times { arrived: now, due: now };
        let waiting = VecDeque::from([Waiting { work: Work::Open, times }]);
        let pending = Vec::new();
        Self { chunk, first, wanted, waiting, pending, backlog, since: None, next_due: now, taken: times }
    }

    /// Adds audio that arrived at `now`.
    pub(super) fn push(&mut self, samples: &[f32], now: Instant) {
        let mut samples = samples;
        while !samples.is_empty() {
            if self.pending.is_empty() {
                self.pending.reserve_exact(self.wanted);
            }
            let (head, tail) = samples.split_at(samples.len().min(self.wanted - self.pending.len()));
            self.pending.extend_from_slice(head);
            samples = tail;
            if self.pending.len() == self.wanted {
                let chunk = std::mem::take(&mut self.pending);
                self.wanted = self.chunk;
                self.append(now, Work::Chunk(chunk));
            }
        }
    }

    /// Adds a flush or the end, with the remaining audio.
    pub(super) fn push_end(&mut self, now: Instant, end: impl FnOnce(Vec<f32>) -> Work) {
        let rest = std::mem::take(&mut self.pending);
        self.wanted = self.first;
        self.append(now, end(rest));
    }

    /// Adds the end of a turn. Audio that does not fill a chunk yet comes after it.
    pub(super) fn end_turn(&mut self, now: Instant) {
        self.append(now, Work::EndTurn);
    }

    /// Drops all audio and commands except [`Work::Open`], and adds the reset.
    pub(super) fn reset(&mut self, now: Instant, epoch: u32) {
        self.pending.clear();
        self.wanted = self.first;
        self.waiting.retain(|waiting| waiting.work == Work::Open);
        self.backlog.set(0);
        self.since = None;
        self.append(now, Work::Reset(epoch));
    }

    /// Drops everything.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        self.pending = Vec::new();
        self.backlog.set(0);
        self.since = None;
    }

    /// Adds work behind all that waits.
    pub(super) fn append(&mut self, arrived: Instant, work: Work) {
        let samples = work.samples();
        let due = if self.since.is_some() { arrived.max(self.next_due) } else { arrived };
        self.next_due = due + self.backlog.duration(samples);
        if samples > 0 {
            self.backlog.set(self.backlog.samples() + samples);
            self.since.get_or_insert(arrived);
        }
        self.waiting.push_back(Waiting { work, times: Times { arrived, due } });
    }

    /// Takes the next work.
    pub(super) fn pop(&mut self) -> Option<Work> {
        let Waiting { work, times } = self.waiting.pop_front()?;
        let samples = work.samples();
        if samples > 0 {
            self.backlog.set(self.backlog.samples() - samples);
            let next = self.waiting.iter().find(|waiting| waiting.work.samples() > 0);
            self.since = next.map(|waiting| waiting.times.arrived);
        }
        self.taken = times;
        Some(work)
    }

    /// Puts back the work that was taken last, to be done again. It keeps its times: a client waits for its text since
    /// the audio arrived, and it is the stream's turn as before.
    pub(super) fn put_back(&mut self, work: Work) {
        let samples = work.samples();
        if samples > 0 {
            self.backlog.set(self.backlog.samples() + samples);
            self.since = Some(self.taken.arrived);
        }
        self.waiting.push_front(Waiting { work, times: self.taken });
    }

    /// When the next work is due, or `None` if there is none.
    pub(super) fn due(&self) -> Option<Instant> {
        self.waiting.front().map(|waiting| waiting.times.due)
    }

    /// How long the oldest waiting audio has waited since it arrived; 0 if none waits. Audio that does not fill a chunk
    /// does not count: it waits for the client.
    pub(super) fn waited(&self) -> Duration {
        self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// The number of waiting samples in full chunks and rests, which could be processed now.
    pub(super) fn queued(&self) -> usize {
        self.backlog.samples()
    }

    /// The count of the waiting audio.
    pub(super) fn backlog(&mut self) -> &mut Backlog {
        &mut self.backlog
    }
}

#[cfg(test)]
mod tests {
    use super::{super::backlog::SharedBacklog, *};
    use proptest::prelude::*;

    fn inbox(metadata: &Metadata) -> Inbox {
        Inbox::new(metadata, Backlog::new(metadata.sample_rate, 60.0, SharedBacklog::new(60.0)), None)
    }

    fn drain(inbox: &mut Inbox) -> Vec<Work> {
        std::iter::from_fn(|| inbox.pop()).collect()
    }

    proptest! {
        #[test]
        fn the_grid_does_not_depend_on_the_frames(
            cuts in proptest::collection::vec(0usize..40, 0..40),
            (chunk, first) in (1u32..50, 1u32..50),
        ) {
            let samples: Vec<f32> = (0..cuts.iter().sum::<usize>()).map(|n| n as f32).collect();
            let now = Instant::now();
            let metadata = Metadata::new(16_000, chunk).first_chunk(first);
            let (mut whole, mut pieces) = (inbox(&metadata), inbox(&metadata));
            whole.push(&samples, now);
            let mut left = samples.as_slice();
            for cut in cuts {
                let (head, tail) = left.split_at(cut);
                pieces.push(head, now);
                left = tail;
            }
            for inbox in [&mut whole, &mut pieces] {
                inbox.push_end(now, Work::Finish);
                prop_assert_eq!(inbox.queued(), samples.len());
            }
            let given = drain(&mut pieces);
            prop_assert_eq!(&given, &drain(&mut whole));
            prop_assert_eq!(pieces.queued(), 0);
            let processed: Vec<f32> = given.into_iter().flat_map(|work| match work {
                Work::Chunk(audio) | Work::Finish(audio) => audio,
                _ => Vec::new(),
            }).collect();
            prop_assert_eq!(processed, samples);
        }
    }

    #[test]
    fn the_first_chunk_has_its_length_after_each_start() {
        let mut inbox = inbox(&Metadata::new(16_000, 2).first_chunk(3));
        let lengths = |inbox: &mut Inbox| drain(inbox).iter().map(Work::samples).collect::<Vec<_>>();
        let now = Instant::now();
        inbox.push(&[0.0; 8], now);
        inbox.push_end(now, |rest| Work::Flush(rest, 8));
        inbox.push(&[0.0; 5], now);
        assert_eq!(lengths(&mut inbox), [0, 3, 2, 2, 1, 3, 2]);
        inbox.push(&[0.0; 1], now);
        inbox.reset(now, 1);
        inbox.push(&[0.0; 5], now);
        assert_eq!(lengths(&mut inbox), [0, 3, 2]);
    }

    #[test]
    fn a_reset_keeps_the_making_of_the_processor() {
        let mut inbox = inbox(&Metadata::new(16_000, 2));
        inbox.push(&[1.0, 2.0, 3.0], Instant::now());
        inbox.reset(Instant::now(), 1);
        assert_eq!(drain(&mut inbox), [Work::Open, Work::Reset(1)]);
    }

    /// An inbox at 1 kHz in chunks of 10 samples, whose `Open` was taken.
    fn opened() -> Inbox {
        let mut inbox = inbox(&Metadata::new(1_000, 10));
        inbox.pop();
        inbox
    }

    fn dues(inbox: &mut Inbox, since: Instant) -> Vec<u128> {
        std::iter::from_fn(|| {
            let due = inbox.due()?;
            inbox.pop();
            Some((due - since).as_millis())
        })
        .collect()
    }

    #[test]
    fn the_oldest_waiting_audio_decides_how_long_it_waited() {
        let (mut inbox, now) = (opened(), Instant::now());
        let ago = |seconds| now - Duration::from_secs(seconds);
        let waited = |inbox: &Inbox| inbox.waited().as_secs();
        assert_eq!(inbox.waited(), Duration::ZERO);
        // Half a chunk waits for the client; the chunk waits for the engine once it is full.
        inbox.push(&[0.0; 5], ago(90));
        assert_eq!(inbox.waited(), Duration::ZERO);
        inbox.push(&[0.0; 15], ago(60));
        inbox.push_end(ago(50), |rest| Work::Flush(rest, 20));
        inbox.push_end(ago(45), |rest| Work::Flush(rest, 20));
        inbox.push(&[0.0; 25], ago(40));
        inbox.push_end(ago(30), |rest| Work::Flush(rest, 45));
        assert_eq!(waited(&inbox), 60);
        // It is that of the next audio after each, whatever commands are between.
        for expected in [60, 40, 40, 40, 40, 30, 0] {
            inbox.pop();
            assert_eq!(waited(&inbox), expected);
        }
        inbox.push(&[0.0; 10], ago(20));
        let work = inbox.pop().unwrap();
        inbox.push(&[0.0; 10], ago(10));
        assert_eq!(waited(&inbox), 10);
        inbox.put_back(work);
        assert_eq!((waited(&inbox), inbox.queued()), (20, 20));
        inbox.reset(now, 1);
        assert_eq!((inbox.waited(), inbox.queued()), (Duration::ZERO, 0));
    }

    #[test]
    fn audio_sent_at_once_is_due_as_if_it_were_spoken() {
        let (mut inbox, now) = (opened(), Instant::now());
        let at = |milliseconds| now + Duration::from_millis(milliseconds);
        inbox.push(&[0.0; 30], at(0));
        inbox.push(&[0.0; 10], at(5));
        // After a pause it is due when it arrives.
        inbox.push(&[0.0; 20], at(70));
        inbox.push_end(at(71), Work::Finish);
        assert_eq!(dues(&mut inbox, now), [0, 10, 20, 30, 70, 80, 90]);
        // No audio waits, so nothing is ahead of time.
        inbox.push(&[0.0; 10], at(72));
        let work = inbox.pop().unwrap();
        inbox.push(&[0.0; 10], at(73));
        inbox.put_back(work);
        assert_eq!(dues(&mut inbox, now), [72, 73]);
    }
}
