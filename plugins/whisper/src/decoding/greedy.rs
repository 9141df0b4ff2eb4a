//! Decodes one text: selects the most likely token each time, or samples one at a temperature.

use super::{Decoded, Draft, Manner};
use crate::{
    logits::{best, log_sum_exp},
    network::Decode,
    repetition,
};
use auricle_plugin_api::Error;
use fastrand::Rng;

/// Continues from a prompt, whose logits are at `row`.
pub(super) fn follow(
    decode: &mut dyn Decode,
    mut row: usize,
    manner: &Manner<'_>,
    temperature: f32,
    seed: u64,
) -> Result<Decoded, Error> {
    let mut decoded = Decoded::default();
    let mut chance = Rng::with_seed(seed);
    let mut draft = if temperature > 0.0 { Draft::default() } else { manner.draft };
    // Tokens of the draft that the model already has, with their logits at the rows after `row`.
    let mut ahead: &[u32] = &[];
    while decoded.tokens.len() < manner.most && !(manner.cancelled)() {
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
        draft.follow(token);
        if let Some((_, rest)) = ahead.split_first().filter(|(first, _)| **first == token) {
            (ahead, row) = (rest, row + 1);
            continue;
        }
        decode.take_back(ahead.len());
        let room = manner.most - decoded.tokens.len();
        if room > 0 {
            let proposed = draft.propose();
            let proposed = &proposed[..proposed.len().min(room - 1)];
            let appended = decode.extend(&[&[token], proposed].concat())?;
            (ahead, row) = (&proposed[..appended - 1], 0);
        }
    }
    Ok(decoded)
}

/// Samples a token by its probability at a temperature; `at` is from 0 to 1.
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
    // Only after rounding errors.
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
}
