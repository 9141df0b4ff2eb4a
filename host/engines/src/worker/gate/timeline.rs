//! The engine's times and those of the stream, where audio was left out between them.
//!
//! Invariants: gaps are in order, and none is empty. Times keep their order; an end is mapped before a gap, a start behind
//! it. Threads: one at a time.

use serde::{Deserialize, Serialize};

/// The number of gaps that are kept: engines report nothing of so long ago.
const MOST: usize = 1_024;

/// The gaps in what the engine got since its start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Timeline {
    gaps: Vec<Gap>,
}

/// Audio that was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Gap {
    /// The engine's sample behind it.
    at: u64,
    /// Its first sample in the stream.
    pub(super) from: u64,
    /// One past its last sample in the stream.
    pub(super) to: u64,
}

impl Timeline {
    /// Audio of the stream is left out before the engine's sample `at`.
    pub(super) fn leave_out(&mut self, at: u64, from: u64, to: u64) {
        if from < to {
            self.gaps.push(Gap { at, from, to });
            self.gaps.drain(..self.gaps.len().saturating_sub(MOST));
        }
    }

    /// Whether nothing was left out.
    pub(super) fn is_empty(&self) -> bool {
        self.gaps.is_empty()
    }

    /// Where something in the stream starts that starts at the engine's sample `time`.
    pub(super) fn start(&self, time: u64) -> u64 {
        self.of(time, self.gaps.partition_point(|gap| gap.at <= time))
    }

    /// Where something in the stream ends that ends at the engine's sample `time`.
    pub(super) fn end(&self, time: u64) -> u64 {
        self.of(time, self.gaps.partition_point(|gap| gap.at < time))
    }

    /// The time in the stream, behind so many of the gaps.
    fn of(&self, time: u64, behind: usize) -> u64 {
        match (self.gaps[..behind].last(), self.gaps.first()) {
            (Some(gap), _) => gap.to.saturating_add(time - gap.at),
            (None, Some(gap)) => gap.from.saturating_sub(gap.at - time),
            (None, None) => time,
        }
    }

    /// The first gap of which something is at or behind this sample of the stream.
    pub(super) fn gap(&self, sample: u64) -> Option<Gap> {
        self.gaps.get(self.gaps.partition_point(|gap| gap.to <= sample)).copied()
    }

    /// What is needed from the engine's sample `time` on.
    pub(super) fn since(&self, time: u64) -> Self {
        let behind = self.gaps.partition_point(|gap| gap.at <= time);
        Self { gaps: self.gaps[behind.saturating_sub(1)..].to_vec() }
    }

    /// Whether the gaps are in order. They may come from a file.
    pub(super) fn is_sound(&self) -> bool {
        let is_gap = |gap: &Gap| gap.from < gap.to;
        self.gaps.iter().all(is_gap)
            && self.gaps.windows(2).all(|two| two[0].at <= two[1].at && two[0].to <= two[1].from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_are_moved_by_what_was_left_out() {
        let mut timeline = Timeline::default();
        assert_eq!((timeline.start(7), timeline.end(7)), (7, 7));
        timeline.leave_out(100, 100, 150);
        timeline.leave_out(120, 170, 170);
        timeline.leave_out(200, 250, 300);
        assert_eq!([99, 100, 101, 199, 200].map(|time| timeline.start(time)), [99, 150, 151, 249, 300]);
        assert_eq!([99, 100, 101, 200, 201].map(|time| timeline.end(time)), [99, 100, 151, 250, 301]);
        assert_eq!(timeline.since(150).start(150), 200);
        assert_eq!(timeline.since(220), Timeline { gaps: vec![Gap { at: 200, from: 250, to: 300 }] });
        assert_eq!(
            [0, 149, 150, 299, 300].map(|at| timeline.gap(at).map(|gap| gap.to)),
            [Some(150), Some(150), Some(300), Some(300), None]
        );
    }

    proptest! {
        #[test]
        fn times_keep_their_order_and_have_their_place_in_the_audio(
            pieces in proptest::collection::vec((1u64..50, 0u64..50), 1..20),
            start in 0u64..1_000,
        ) {
            // The samples of the stream that the engine gets, in order.
            let (mut timeline, mut given, mut at) = (Timeline::default(), Vec::new(), start);
            for (spoken, left_out) in pieces {
                given.extend(at..at + spoken);
                at += spoken;
                timeline.leave_out(start + given.len() as u64, at, at + left_out);
                at += left_out;
            }
            prop_assert!(timeline.is_sound());
            let mut last = start;
            for (number, place) in given.iter().enumerate() {
                let time = start + number as u64;
                prop_assert_eq!(timeline.start(time), *place);
                prop_assert_eq!(timeline.end(time + 1), place + 1);
                prop_assert!(last <= timeline.end(time) && timeline.end(time) <= timeline.start(time));
                last = timeline.end(time);
                for later in [time, time + 1, start + given.len() as u64] {
                    prop_assert_eq!(timeline.since(time).start(later), timeline.start(later));
                }
            }
        }
    }
}
