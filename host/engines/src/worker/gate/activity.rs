//! Whether there is speech, from the probabilities of windows.
//!
//! Speech starts with the first window of probability 0.5 or more. A pause begins when no such window came for the hold,
//! which is counted from the first window below 0.35. Threads: one at a time.

use serde::{Deserialize, Serialize};

/// The probability with which speech starts or goes on.
const SPEECH: f32 = 0.5;
/// Below this probability it may end.
const SILENCE: f32 = 0.35;

/// Whether there is speech.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Activity {
    /// Whether somebody speaks, or has spoken until less than the hold ago.
    pub(super) speech: bool,
    /// The first sample of the first quiet window since the last one with speech.
    pub(super) quiet: Option<u64>,
}

/// What a window changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Starts,
    Pauses,
}

impl Activity {
    /// Takes the probability of the window from sample `first` to `end`.
    pub(super) fn window(&mut self, probability: f32, (first, end): (u64, u64), hold: u64) -> Option<Change> {
        if probability >= SPEECH {
            self.quiet = None;
            return (!std::mem::replace(&mut self.speech, true)).then_some(Change::Starts);
        }
        if !self.speech || probability >= SILENCE {
            return None;
        }
        let quiet = *self.quiet.get_or_insert(first);
        if end.saturating_sub(quiet) < hold {
            return None;
        }
        self.speech = false;
        Some(Change::Pauses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_begins_after_the_hold_and_a_doubtful_window_does_not_begin_it() {
        let mut activity = Activity::default();
        let mut changes = Vec::new();
        for (number, probability) in [0.49, 0.5, 0.4, 0.3, 0.6, 0.34, 0.45, 0.2, 0.1, 0.9].into_iter().enumerate() {
            let first = number as u64 * 512;
            if let Some(change) = activity.window(probability, (first, first + 512), 1_500) {
                changes.push((number, change));
            }
        }
        assert_eq!(changes, [(1, Change::Starts), (7, Change::Pauses), (9, Change::Starts)]);
    }
}
