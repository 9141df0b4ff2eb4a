//! Phrases that are likely to be spoken, as a graph of tokens that hypotheses walk along.
//!
//! A token that continues a phrase adds to the score. A token that leaves it takes back the addition, unless a phrase
//! was complete. A state falls back to the longest suffix of the tokens that begins a phrase. Source: Aho and Corasick,
//! Efficient String Matching, CACM 1975; scores like those of sherpa-onnx's context graph. Threads: any.

use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};

const ROOT: usize = 0;

/// The state in the graph. The default is the root.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HotwordState(u32);

/// The graph.
#[derive(Debug)]
pub(crate) struct Hotwords {
    states: Vec<State>,
}

#[derive(Debug, Default)]
struct State {
    next: HashMap<u32, usize>,
    /// The score added by the token that leads here.
    step: f32,
    /// Sum of the scores from the root.
    sum: f32,
    /// The score added by complete phrases that end here.
    complete: f32,
    is_end: bool,
    /// The longest other state that is a suffix of this one.
    fallback: usize,
    /// The longest of the fallbacks that is the end of a phrase.
    shorter: Option<usize>,
}

impl Hotwords {
    /// Builds the graph from phrases, each with the score of every token.
    pub(crate) fn new(phrases: &[(Vec<u32>, f32)]) -> Self {
        let mut graph = Self { states: vec![State::default()] };
        phrases.iter().for_each(|(tokens, score)| graph.insert(tokens, *score));
        graph.link();
        graph
    }

    fn insert(&mut self, tokens: &[u32], score: f32) {
        let mut at = ROOT;
        for token in tokens {
            let new = self.states.len();
            at = *self.states[at].next.entry(*token).or_insert(new);
            if at == new {
                self.states.push(State::default());
            }
            self.states[at].step = self.states[at].step.max(score);
        }
        self.states[at].is_end |= !tokens.is_empty();
    }

    /// Computes the sums and the fallbacks, shorter states first.
    fn link(&mut self) {
        let mut queue = VecDeque::from([ROOT]);
        while let Some(at) = queue.pop_front() {
            let children: Vec<(u32, usize)> =
                self.states[at].next.iter().map(|(token, next)| (*token, *next)).collect();
            for (token, child) in children {
                let fallback = if at == ROOT { ROOT } else { self.fall(self.states[at].fallback, token) };
                let shorter = if self.states[fallback].is_end { Some(fallback) } else { self.states[fallback].shorter };
                let sum = self.states[at].sum + self.states[child].step;
                let complete = shorter.map_or(0.0, |shorter| self.states[shorter].complete);
                let state = &mut self.states[child];
                (state.fallback, state.shorter, state.sum) = (fallback, shorter, sum);
                state.complete = complete + if state.is_end { sum } else { 0.0 };
                queue.push_back(child);
            }
        }
    }

    /// The state after a token, from this state or the nearest possible fallback.
    fn fall(&self, mut at: usize, token: u32) -> usize {
        loop {
            match self.states[at].next.get(&token) {
                Some(next) => return *next,
                None if at == ROOT => return ROOT,
                None => at = self.states[at].fallback,
            }
        }
    }

    /// The score of a token, and the next state. After a complete phrase the walk starts again.
    pub(crate) fn after(&self, place: HotwordState, token: u32) -> (f32, HotwordState) {
        let Some(before) = self.states.get(place.0 as usize) else { return (0.0, HotwordState::default()) };
        let (to, score) = match before.next.get(&token) {
            Some(to) => (*to, self.states[*to].step),
            None => {
                let to = self.fall(before.fallback, token);
                (to, self.states[to].sum - before.sum)
            }
        };
        let state = &self.states[to];
        if state.complete == 0.0 {
            return (score, HotwordState(to as u32));
        }
        let kept = match state.shorter {
            Some(shorter) if !state.is_end => self.states[shorter].sum,
            _ => state.sum,
        };
        (score + kept - state.sum, HotwordState::default())
    }

    /// Whether a state is valid in this graph.
    pub(crate) fn has(&self, place: HotwordState) -> bool {
        (place.0 as usize) < self.states.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The score of each token of a text.
    fn walk(graph: &Hotwords, tokens: &[u32]) -> Vec<f32> {
        let mut at = HotwordState::default();
        let steps = tokens.iter().map(|token| {
            let (score, to) = graph.after(at, *token);
            at = to;
            score
        });
        steps.collect()
    }

    #[test]
    fn a_phrase_keeps_what_it_adds_and_a_broken_one_gives_it_back() {
        let graph = Hotwords::new(&[(vec![1, 2, 3], 2.0)]);
        assert_eq!(walk(&graph, &[9, 1, 2, 3, 9]), [0.0, 2.0, 2.0, 2.0, 0.0]);
        assert_eq!(walk(&graph, &[1, 2, 9]), [2.0, 2.0, -4.0]);
        assert_eq!(walk(&graph, &[1, 1, 2, 3]), [2.0, 0.0, 2.0, 2.0]);
    }

    #[test]
    fn what_is_left_of_a_phrase_may_begin_another() {
        let graph = Hotwords::new(&[(vec![1, 2, 3, 4], 1.0), (vec![2, 3, 5], 1.0)]);
        assert_eq!(walk(&graph, &[1, 2, 3, 5]), [1.0, 1.0, 1.0, 0.0]);
    }

    #[test]
    fn a_phrase_within_another_is_complete_where_it_ends() {
        let graph = Hotwords::new(&[(vec![1, 2, 3], 1.0), (vec![2], 1.0)]);
        // The phrase `2` is complete within `1 2 3`, but is given up for it.
        assert_eq!(walk(&graph, &[1, 2, 3]), [1.0, 0.0, 0.0]);
    }

    #[test]
    fn the_greater_of_two_scores_counts() {
        let graph = Hotwords::new(&[(vec![1, 2], 1.0), (vec![1, 3], 2.5)]);
        assert_eq!(walk(&graph, &[1, 3]), [2.5, 2.5]);
    }

    proptest! {
        #[test]
        fn nothing_is_left_of_what_is_not_said(
            phrases in proptest::collection::vec((proptest::collection::vec(0u32..4, 1..5), 1.0f32..3.0), 0..5),
            tokens in proptest::collection::vec(0u32..4, 0..20),
        ) {
            let graph = Hotwords::new(&phrases);
            // A token that is in no phrase takes back everything except the scores of complete phrases.
            let total: f32 = walk(&graph, &[&tokens[..], &[9]].concat()).iter().sum();
            let longest = phrases.iter().map(|(tokens, _)| tokens.len()).max().unwrap_or(0) as f32 * 3.0;
            prop_assert!(total > -0.01 && total <= longest * tokens.len() as f32 + 0.01, "{}", total);
            let complete = phrases.iter().any(|(phrase, _)| tokens.windows(phrase.len()).any(|window| window == phrase));
            prop_assert!(complete || total.abs() < 0.01, "{}", total);
        }
    }
}
