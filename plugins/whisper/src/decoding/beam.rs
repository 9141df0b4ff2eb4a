//! Beam search: extends several texts, and selects the one that is most likely relative to its length.
//!
//! Scores are sums of the tokens' logarithmic probabilities before the rules are applied; the score of a finished text
//! is divided by its number of tokens, including the end. The search is over once as many texts have ended as there are
//! beams, and the best open one is currently not better than the worst of them. Source: beam search of Hugging Face's
//! `generate` with its defaults.

use super::{Decoded, Manner};
use crate::{logits::log_sum_exp, network::Decode, repetition};
use auricle_plugin_api::Error;

/// A text that is open or has ended.
#[derive(Debug, Clone, Default)]
struct Text {
    tokens: Vec<u32>,
    logprobs: Vec<f32>,
    /// The sum of `logprobs`; after the end, divided by their number.
    score: f32,
}

/// A continuation of a text.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Way {
    score: f32,
    logprob: f32,
    parent: usize,
    token: u32,
}

/// Continues from a prompt, whose logits are at `row`.
pub(super) fn search(decode: &mut dyn Decode, row: usize, manner: &Manner<'_>) -> Result<Decoded, Error> {
    let beams = manner.beams;
    let mut open = vec![Text::default()];
    let mut ended: Vec<Text> = Vec::new();
    for length in 1..=manner.most {
        // Twice the number of beams: if the best ones all end, there is still one to continue for each beam.
        let mut ways = Best::new(2 * beams);
        for (beam, text) in open.iter().enumerate() {
            let logits = decode.logits(if length == 1 { row } else { beam })?;
            let all = log_sum_exp(logits);
            manner.rules.apply(&text.tokens, logits);
            ways.add(logits, all, text.score, beam);
        }
        // At the maximum length, all texts that are good enough end.
        let full = length == manner.most;
        let mut next = Vec::with_capacity(beams);
        for (rank, way) in ways.ways.iter().enumerate() {
            if way.token == manner.end || full {
                if rank < beams {
                    let text = open[way.parent].follow(way, manner.end);
                    ended.push(Text { score: way.score / length as f32, ..text });
                }
            } else if next.len() < beams {
                next.push(*way);
            }
        }
        ended.sort_by(|one, other| other.score.total_cmp(&one.score));
        ended.truncate(beams);
        let Some(best) = next.first() else { break };
        let finished = ended.len() == beams && ended[beams - 1].score >= best.score / length as f32;
        if finished {
            break;
        }
        open = next.iter().map(|way| open[way.parent].follow(way, manner.end)).collect();
        if let Some(superfluous) = repetition::circle(&open[0].tokens, manner.repetitions) {
            return Ok(ended.into_iter().next().map(Text::decoded).unwrap_or_else(|| {
                let mut decoded = open.swap_remove(0).decoded();
                decoded.cut(superfluous);
                decoded
            }));
        }
        if (manner.cancelled)() {
            break;
        }
        // Every beam runs; one without a text of its own copies the first.
        let way = |beam: usize| next.get(beam).unwrap_or(&next[0]);
        let tokens: Vec<u32> = (0..beams).map(|beam| way(beam).token).collect();
        let parents: Vec<usize> = (0..beams).map(|beam| way(beam).parent).collect();
        decode.step(&tokens, &parents)?;
    }
    Ok(ended.into_iter().next().map(Text::decoded).unwrap_or_default())
}

impl Text {
    fn follow(&self, way: &Way, end: u32) -> Self {
        let mut text = Self { score: way.score, ..self.clone() };
        text.tokens.extend((way.token != end).then_some(way.token));
        text.logprobs.push(way.logprob);
        text
    }

    fn decoded(self) -> Decoded {
        Decoded { tokens: self.tokens, logprobs: self.logprobs, ..Decoded::default() }
    }
}

/// The best continuations so far, best first.
struct Best {
    most: usize,
    ways: Vec<Way>,
}

impl Best {
    fn new(most: usize) -> Self {
        Self { most, ways: Vec::with_capacity(most + 1) }
    }

    /// Adds the continuations of a text; `all` is the logarithm of the sum of the exponentials of all logits.
    fn add(&mut self, logits: &[f32], all: f32, score: f32, parent: usize) {
        let mut least = self.least();
        for (token, logit) in logits.iter().enumerate() {
            let way = score + (logit - all);
            if way > least {
                let place = self.ways.partition_point(|better| better.score >= way);
                self.ways.insert(place, Way { score: way, logprob: logit - all, parent, token: token as u32 });
                self.ways.truncate(self.most);
                least = self.least();
            }
        }
    }

    /// The score that a continuation must exceed.
    fn least(&self) -> f32 {
        if self.ways.len() < self.most { f32::NEG_INFINITY } else { self.ways[self.most - 1].score }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_ways_over_all_texts_are_kept_in_order() {
        let mut best = Best::new(3);
        best.add(&[0.0, 2.0, f32::NEG_INFINITY, 1.0], 0.0, -1.0, 0);
        best.add(&[1.5, f32::NAN], 0.0, -1.0, 1);
        let found: Vec<_> = best.ways.iter().map(|way| (way.parent, way.token, way.score)).collect();
        assert_eq!(found, [(0, 1, 1.0), (1, 0, 0.5), (0, 3, 0.0)]);
    }
}
