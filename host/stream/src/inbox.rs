//! Audio and commands that wait for the engine, cut to the engine's grid.
//!
//! Invariant: the engine's input depends only on the samples and the commands between them, not on the frames in which
//! they arrived. It consists of full chunks from the start of the epoch or the last flush, of which the first may have
//! another length, and one shorter rest before a flush or the end. Threads: any, under the stream's lock.

use auricle_plugin_api::Metadata;
use std::{collections::VecDeque, time::Instant};

/// One piece of work for the engine.
#[derive(Debug, PartialEq)]
pub(super) enum Work {
    /// Create the processor.
    Open,
    /// Process a full chunk.
    Chunk(Vec<f32>),
    /// Report all text up to here and continue. Holds the remaining audio and the client's frame count.
    Flush(Vec<f32>, u64),
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
            Self::Open | Self::Flush(..) | Self::Reset(_) => None,
        }
    }

    /// The number of samples in the work.
    pub(super) fn samples(&self) -> usize {
        match self {
            Self::Chunk(audio) | Self::Flush(audio, _) | Self::Finish(audio) => audio.len(),
            Self::Open | Self::Reset(_) => 0,
        }
    }
}

/// The audio and commands of a stream that wait for the engine.
#[derive(Debug)]
pub(super) struct Inbox {
    chunk: usize,
    /// The length of the first chunk after a start.
    first: usize,
    /// The length of the chunk that `pending` becomes.
    wanted: usize,
    work: VecDeque<(Instant, Work)>,
    /// Audio that does not fill a chunk yet. `pending_since` is the arrival time of its first sample.
    pending: Vec<f32>,
    pending_since: Instant,
    /// Samples in `work`.
    queued: usize,
}

impl Inbox {
    pub(super) fn new(metadata: &Metadata) -> Self {
        let now = Instant::now();
        let chunk = metadata.chunk_samples as usize;
        let first = metadata.first_chunk_samples.map_or(chunk, |first| first as usize);
        let work = VecDeque::from([(now, Work::Open)]);
        Self { chunk, first, wanted: first, work, pending: Vec::new(), pending_since: now, queued: 0 }
    }

    /// Adds audio that arrived at `now`.
    pub(super) fn push(&mut self, samples: &[f32], now: Instant) {
        let mut samples = samples;
        while !samples.is_empty() {
            if self.pending.is_empty() {
                self.pending_since = now;
                self.pending.reserve_exact(self.wanted);
            }
            let (head, tail) = samples.split_at(samples.len().min(self.wanted - self.pending.len()));
            self.pending.extend_from_slice(head);
            samples = tail;
            if self.pending.len() == self.wanted {
                let chunk = std::mem::take(&mut self.pending);
                self.wanted = self.chunk;
                self.queued += chunk.len();
                self.work.push_back((self.pending_since, Work::Chunk(chunk)));
            }
        }
    }

    /// Adds a flush or the end, with the remaining audio.
    pub(super) fn push_end(&mut self, now: Instant, end: impl FnOnce(Vec<f32>) -> Work) {
        let rest = std::mem::take(&mut self.pending);
        self.wanted = self.first;
        self.queued += rest.len();
        self.work.push_back((now, end(rest)));
    }

    /// Drops all audio and commands except [`Work::Open`], and adds the reset.
    pub(super) fn reset(&mut self, now: Instant, epoch: u32) {
        self.pending.clear();
        self.wanted = self.first;
        self.work.retain(|(_, work)| *work == Work::Open);
        self.queued = 0;
        self.work.push_back((now, Work::Reset(epoch)));
    }

    /// Drops everything.
    pub(super) fn clear(&mut self) {
        self.work.clear();
        self.pending = Vec::new();
        self.queued = 0;
    }

    /// Takes the next work.
    pub(super) fn pop(&mut self) -> Option<Work> {
        let (_, work) = self.work.pop_front()?;
        self.queued -= work.samples();
        Some(work)
    }

    /// Puts back work that was taken, to be done again.
    pub(super) fn put_back(&mut self, work: Work) {
        self.queued += work.samples();
        let since = self.oldest().unwrap_or_else(Instant::now);
        self.work.push_front((since, work));
    }

    /// The arrival time of the oldest work.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.work.front().map(|(since, _)| *since)
    }

    /// The number of waiting samples in full chunks and rests, which could be processed now.
    pub(super) fn queued(&self) -> usize {
        self.queued
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
            let (mut whole, mut pieces) = (Inbox::new(&metadata), Inbox::new(&metadata));
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
        let mut inbox = Inbox::new(&Metadata::new(16_000, 2).first_chunk(3));
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
        let mut inbox = Inbox::new(&Metadata::new(16_000, 2));
        inbox.push(&[1.0, 2.0, 3.0], Instant::now());
        inbox.reset(Instant::now(), 1);
        assert_eq!(drain(&mut inbox), [Work::Open, Work::Reset(1)]);
    }
}
