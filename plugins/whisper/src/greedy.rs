//! Decoding one text: the likeliest token again and again, or one drawn by chance at a temperature.

use crate::{
    decoding::{Decoded, Manner},
    network::Decode,
    repetition,
    rules::log_sum_exp,
};
use auricle_plugin_api::Error;
use fastrand::Rng;

/// Goes on from a prompt, after which the logits are those at `row`.
pub(crate) fn follow(
    decode: &mut dyn Decode,
    mut row: usize,
    manner: &Manner<'_>,
    temperature: f32,
    seed: u64,
) -> Result<Decoded, Error> {
    let mut decoded = Decoded::default();
    let mut chance = Rng::with_seed(seed);
    while decoded.tokens.len() < manner.most {
        let logits = decode.logits(row)?;
        manner.rules.apply(&decoded.tokens, logits);
        let token = if temperature > 0.0 { draw(logits, temperature, chance.f32()) } else { best(logits) };
        decoded.logprobs.push(logits[token] - log_sum_exp(logits));
        let token = token as u32;
        if token == manner.end {
            break;
        }
        decoded.tokens.push(token);
        if let Some(superfluous) = repetition::circle(&decoded.tokens, manner.repetitions) {
            decoded.cut(superfluous);
            break;
        }
        if decoded.tokens.len() < manner.most {
            decode.step(&[token], &[0])?;
            row = 0;
        }
    }
    Ok(decoded)
}

/// The first of the greatest.
fn best(logits: &[f32]) -> usize {
    // The greatest of each of many short stretches is found without a branch; then the first that has it.
    let greatest = |logits: &[f32]| {
        let mut lanes = [f32::NEG_INFINITY; 16];
        let (whole, rest) = logits.as_chunks::<16>();
        for values in whole {
            for (lane, value) in lanes.iter_mut().zip(values) {
                *lane = if *value > *lane { *value } else { *lane };
            }
        }
        lanes.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max)
    };
    let most = greatest(logits);
    logits.iter().position(|logit| *logit >= most).unwrap_or(0)
}

/// A token by its probability at a temperature; `at` is from 0 to 1.
fn draw(logits: &[f32], temperature: f32, at: f32) -> usize {
    let scaled: Vec<f32> = logits.iter().map(|logit| logit / temperature).collect();
    let total = log_sum_exp(&scaled);
    let mut left = at;
    for (token, logit) in scaled.iter().enumerate() {
        left -= (logit - total).exp();
        if left < 0.0 {
            return token;
        }
    }
    // What rounding left over.
    best(logits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_drawn_as_often_as_they_are_likely() {
        let logits = [1.0f32.ln(), 3.0f32.ln(), f32::NEG_INFINITY];
        let mut chance = Rng::with_seed(1);
        let seconds = (0..4_000).filter(|_| draw(&logits, 1.0, chance.f32()) == 1).count();
        assert!((2_850..3_150).contains(&seconds), "{seconds}");
        assert_eq!(draw(&logits, 1.0, 1.0), 1);
        assert_eq!((0..100).map(|_| draw(&logits, 0.05, chance.f32())).max(), Some(1));
    }

    #[test]
    fn the_first_of_the_greatest_is_taken_wherever_it_is() {
        for place in [0, 3, 15, 16, 20, 36] {
            let mut logits = vec![-1.0; 37];
            logits[place] = 2.0;
            logits[36] = 2.0;
            assert_eq!(best(&logits), place);
        }
        assert_eq!(best(&[f32::NAN, 1.0]), 1);
        assert_eq!(best(&[f32::NAN; 40]), 0);
    }
}
