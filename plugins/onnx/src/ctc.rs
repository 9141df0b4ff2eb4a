//! Greedy CTC: the best symbol of each frame; runs of one symbol are one token, and the blank is none.
//!
//! Source: Graves et al., Connectionist Temporal Classification, ICML 2006, section 3.2 (best path decoding).
//!
//! Invariant: what is found does not depend on how the frames were cut into calls.

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

/// A symbol that was heard.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Token {
    pub(crate) id: u32,
    /// First frame of its run, counted from the start of the stream.
    pub(crate) start: u64,
    /// One past the last frame of its run so far.
    pub(crate) end: u64,
    /// The probability of the symbol in the frame where it was highest.
    pub(crate) confidence: f32,
}

/// The state between frames.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Greedy {
    /// Frames decoded.
    pub(crate) frame: u64,
    /// The symbol of the last frame, unless it was the blank.
    run: Option<u32>,
}

impl Greedy {
    /// Decodes frames of log-probabilities [frames, symbols] onto `tokens`, whose last one may still grow. Returns whether
    /// a token came.
    pub(crate) fn decode(&mut self, logprobs: ArrayView2<'_, f32>, blank: usize, tokens: &mut Vec<Token>) -> bool {
        let before = tokens.len();
        for frame in logprobs.outer_iter() {
            let (best, logprob) = best(frame.iter().copied());
            let (start, end) = (self.frame, self.frame + 1);
            self.frame = end;
            let symbol = (best != blank).then_some(best as u32);
            match (symbol, tokens.last_mut()) {
                (Some(id), Some(token)) if self.run == symbol && token.id == id => {
                    token.end = end;
                    token.confidence = token.confidence.max(logprob.exp());
                }
                // A run whose token went with an utterance that was ended meanwhile.
                (Some(_), _) if self.run == symbol => {}
                (Some(id), _) => tokens.push(Token { id, start, end, confidence: logprob.exp() }),
                (None, _) => {}
            }
            self.run = symbol;
        }
        tokens.len() > before
    }
}

/// The first of the greatest; what is not a number is never greatest.
fn best(values: impl Iterator<Item = f32>) -> (usize, f32) {
    let first = (0, f32::NEG_INFINITY);
    values.enumerate().fold(first, |best, (index, value)| if value > best.1 { (index, value) } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, Axis};
    use proptest::prelude::*;

    /// Frames in which the given symbols have probability 0.7, of three.
    fn frames(best: &[usize]) -> Array2<f32> {
        Array2::from_shape_fn((best.len(), 3), |(frame, symbol)| if best[frame] == symbol { 0.7f32 } else { 0.15 }.ln())
    }

    #[test]
    fn a_run_is_one_token_and_a_blank_parts_two() {
        let mut tokens = Vec::new();
        Greedy::default().decode(frames(&[2, 0, 0, 2, 0, 1, 2]).view(), 2, &mut tokens);
        let found: Vec<_> = tokens.iter().map(|token| (token.id, token.start, token.end)).collect();
        assert_eq!(found, [(0, 1, 3), (0, 4, 5), (1, 5, 6)]);
        assert!(tokens.iter().all(|token| (token.confidence - 0.7).abs() < 1e-6));
    }

    #[test]
    fn a_frame_of_no_numbers_is_passed_over() {
        let mut tokens = Vec::new();
        Greedy::default().decode(Array2::from_elem((2, 3), f32::NAN).view(), 0, &mut tokens);
        assert!(tokens.is_empty());
    }

    proptest! {
        #[test]
        fn the_same_however_it_is_cut(best in proptest::collection::vec(0usize..3, 1..40), cut in 0usize..40) {
            let logprobs = frames(&best);
            let cut = cut.min(best.len());
            let (mut whole, mut parts) = (Vec::new(), Vec::new());
            Greedy::default().decode(logprobs.view(), 2, &mut whole);
            let mut greedy = Greedy::default();
            let (first, second) = logprobs.view().split_at(Axis(0), cut);
            greedy.decode(first, 2, &mut parts);
            greedy.decode(second, 2, &mut parts);
            prop_assert_eq!(whole, parts);
        }
    }
}
