//! Greedy CTC: the best symbol of each frame; repetitions form one token, and the blank forms none.
//!
//! Source: Graves et al., Connectionist Temporal Classification, ICML 2006, section 3.2 (best path decoding).
//!
//! Invariant: tokens do not depend on how the frames were split into calls.

use crate::token::{Token, best};
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

/// The state between frames.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Greedy {
    /// Number of decoded frames.
    pub(crate) frame: u64,
    /// The tokens of the utterance; the last one may still get longer.
    pub(crate) tokens: Vec<Token>,
    /// The symbol of the last frame, unless it was the blank.
    run: Option<u32>,
}

impl Greedy {
    /// Decodes frames of log-probabilities [frames, symbols].
    pub(super) fn decode(&mut self, logprobs: ArrayView2<'_, f32>, blank: usize) {
        for frame in logprobs.outer_iter() {
            let (best, logprob) = best(frame.iter().copied());
            let (start, end) = (self.frame, self.frame + 1);
            self.frame = end;
            let symbol = (best != blank).then_some(best as u32);
            match (symbol, self.tokens.last_mut()) {
                (Some(id), Some(token)) if self.run == symbol && token.id == id => {
                    token.end = end;
                    token.confidence = token.confidence.max(logprob.exp());
                }
                // A repetition of a token that belonged to the previous utterance.
                (Some(_), _) if self.run == symbol => {}
                (Some(id), _) => self.tokens.push(Token { id, start, end, confidence: logprob.exp() }),
                (None, _) => {}
            }
            self.run = symbol;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, Axis};
    use proptest::prelude::*;

    /// Frames in which the given symbols have probability 0.7, out of three symbols.
    fn frames(best: &[usize]) -> Array2<f32> {
        Array2::from_shape_fn((best.len(), 3), |(frame, symbol)| if best[frame] == symbol { 0.7f32 } else { 0.15 }.ln())
    }

    fn decoded(parts: &[ArrayView2<'_, f32>], blank: usize) -> Greedy {
        let mut greedy = Greedy::default();
        parts.iter().for_each(|part| greedy.decode(*part, blank));
        greedy
    }

    #[test]
    fn a_run_is_one_token_and_a_blank_parts_two() {
        let Greedy { tokens, .. } = decoded(&[frames(&[2, 0, 0, 2, 0, 1, 2]).view()], 2);
        let found: Vec<_> = tokens.iter().map(|token| (token.id, token.start, token.end)).collect();
        assert_eq!(found, [(0, 1, 3), (0, 4, 5), (1, 5, 6)]);
        assert!(tokens.iter().all(|token| (token.confidence - 0.7).abs() < 1e-6));
    }

    #[test]
    fn a_frame_of_no_numbers_is_passed_over() {
        assert!(decoded(&[Array2::from_elem((2, 3), f32::NAN).view()], 0).tokens.is_empty());
    }

    proptest! {
        #[test]
        fn the_same_however_it_is_cut(best in proptest::collection::vec(0usize..3, 1..40), cut in 0usize..40) {
            let logprobs = frames(&best);
            let cut = cut.min(best.len());
            let (first, second) = logprobs.view().split_at(Axis(0), cut);
            prop_assert_eq!(decoded(&[logprobs.view()], 2), decoded(&[first, second], 2));
        }
    }
}
