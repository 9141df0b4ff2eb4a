//! The rules for the next token in Whisper's decoding.
//!
//! Source: Radford et al. 2022, section 4.5, and the reference implementation's filters of logits; in Hugging Face's
//! `generate` they are the processors of suppressed tokens and of timestamps.

use crate::{
    config::Settings,
    logits::{greatest, log_sum_exp},
    vocabulary::Vocabulary,
};

/// The rules of a decode.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// Never allowed.
    suppressed: Vec<u32>,
    /// Not allowed first.
    suppressed_at_begin: Vec<u32>,
    end: u32,
    no_timestamps: u32,
    zero: u32,
    /// Whether timestamps are decoded; `max_first` is then the latest first one, in steps.
    timestamps: bool,
    max_first: Option<u32>,
}

impl Rules {
    pub(crate) fn new(settings: &Settings, vocabulary: &Vocabulary, timestamps: bool) -> Self {
        Self {
            suppressed: settings.suppressed(),
            suppressed_at_begin: settings.suppressed_at_begin(),
            end: vocabulary.end,
            no_timestamps: vocabulary.no_timestamps,
            zero: vocabulary.zero,
            timestamps,
            max_first: settings.generation.max_initial_timestamp_index,
        }
    }

    /// Sets the logits of tokens that may not follow `decoded` to minus infinity. `decoded` are the tokens decoded so far,
    /// without the prompt.
    pub(crate) fn apply(&self, decoded: &[u32], logits: &mut [f32]) {
        let begin = if decoded.is_empty() { self.suppressed_at_begin.as_slice() } else { &[] };
        for token in self.suppressed.iter().chain(begin) {
            forbid(logits, *token as usize..*token as usize + 1);
        }
        if self.timestamps {
            self.apply_timestamps(decoded, logits);
        }
    }

    /// Timestamps come in pairs, never decrease, and come first. They are selected if they are together more likely
    /// than any text.
    fn apply_timestamps(&self, decoded: &[u32], logits: &mut [f32]) {
        let (zero, all) = (self.zero as usize, logits.len());
        forbid(logits, self.no_timestamps as usize..self.no_timestamps as usize + 1);
        let is_time = |token: Option<&u32>| token.is_some_and(|token| *token >= self.zero);
        let last = is_time(decoded.last());
        let before_last = decoded.len() < 2 || is_time(decoded.get(decoded.len() - 2));
        if last && before_last {
            forbid(logits, zero..all);
        } else if last {
            forbid(logits, 0..self.end as usize);
        }
        if let Some(time) = decoded.iter().rev().find(|token| **token >= self.zero) {
            // The end of a segment may be the start of the next, but a segment is not empty.
            let least = if last && !before_last { *time } else { *time + 1 };
            forbid(logits, zero..least as usize);
        }
        if decoded.is_empty() {
            forbid(logits, 0..zero);
            if let Some(most) = self.max_first {
                forbid(logits, zero.saturating_add(most as usize + 1)..all);
            }
        }
        let (text, times) = logits.split_at(zero.min(all));
        if log_sum_exp(times) > greatest(text) {
            forbid(logits, 0..zero);
        }
    }
}

fn forbid(logits: &mut [f32], tokens: std::ops::Range<usize>) {
    let end = tokens.end.min(logits.len());
    logits[tokens.start.min(end)..end].fill(f32::NEG_INFINITY);
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: u32 = 10;
    const END: u32 = 20;
    const NO_TIMESTAMPS: u32 = 29;
    const ZERO: u32 = 30;

    fn rules(timestamps: bool) -> Rules {
        Rules {
            suppressed: vec![1, 25],
            suppressed_at_begin: vec![2],
            end: END,
            no_timestamps: NO_TIMESTAMPS,
            zero: ZERO,
            timestamps,
            max_first: Some(3),
        }
    }

    /// The allowed next tokens if text is more likely than any timestamp.
    fn allowed(rules: &Rules, decoded: &[u32]) -> Vec<u32> {
        let mut logits = vec![0.0; 40];
        logits[..ZERO as usize].fill(5.0);
        rules.apply(decoded, &mut logits);
        (0..40).filter(|token| logits[*token as usize] > f32::NEG_INFINITY).collect()
    }

    #[test]
    fn suppressed_tokens_never_come_and_some_not_first() {
        let others: Vec<u32> = (0..40).filter(|token| ![1, 25].contains(token)).collect();
        assert_eq!(allowed(&rules(false), &[TEXT]), others);
        assert!(!allowed(&rules(false), &[]).contains(&2));
    }

    #[test]
    fn a_time_comes_first_and_not_late() {
        assert_eq!(allowed(&rules(true), &[]), [30, 31, 32, 33]);
    }

    #[test]
    fn times_come_in_pairs_and_never_go_back() {
        let rules = rules(true);
        // After an opening timestamp: text or the end, no timestamp.
        assert!(allowed(&rules, &[ZERO]).iter().all(|token| *token < NO_TIMESTAMPS));
        // After a closing one: a timestamp that is not earlier, or the end.
        let after = allowed(&rules, &[ZERO, TEXT, 34]);
        assert_eq!(
            after.iter().copied().filter(|token| *token >= ZERO).collect::<Vec<_>>(),
            (34..40).collect::<Vec<_>>()
        );
        assert!(!after.contains(&TEXT) && after.contains(&END));
        // In text: only later timestamps.
        let within = allowed(&rules, &[ZERO, TEXT, 34, 34, TEXT]);
        assert_eq!(
            within.iter().copied().filter(|token| *token >= ZERO).collect::<Vec<_>>(),
            (35..40).collect::<Vec<_>>()
        );
        assert!(within.contains(&TEXT));
    }

    #[test]
    fn times_win_together() {
        let mut logits = vec![0.0; 40];
        logits[TEXT as usize] = 1.0;
        rules(true).apply(&[ZERO, TEXT], &mut logits);
        // Nine timestamps of 0 are together more likely than one text of 1.
        assert_eq!(logits[TEXT as usize], f32::NEG_INFINITY);
        assert!(logits[35] > f32::NEG_INFINITY);
    }
}
