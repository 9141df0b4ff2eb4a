//! Decoding a window: the likeliest token again and again, or one drawn by chance at a temperature.
//!
//! Source: Radford et al. 2022, section 4.5.

use crate::{
    network::{Audio, Network},
    rules::{Rules, log_sum_exp},
};
use auricle_plugin_api::Error;
use fastrand::Rng;

/// What was decoded.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Decoded {
    /// Without the prompt and the end.
    pub(crate) tokens: Vec<u32>,
    /// The probability of each, and then of the end, as logarithms; the end's is missing where the room was full.
    pub(crate) logprobs: Vec<f32>,
    /// The probability that nobody speaks, where the vocabulary knows it.
    pub(crate) no_speech: Option<f32>,
}

impl Decoded {
    /// The mean logarithmic probability of a token, the end included.
    pub(crate) fn mean_logprob(&self) -> f32 {
        self.logprobs.iter().sum::<f32>() / self.logprobs.len().max(1) as f32
    }
}

/// How to decode.
pub(crate) struct Manner<'a> {
    pub(crate) rules: &'a Rules,
    pub(crate) end: u32,
    /// The token of no speech, and where in the prompt its probability is read: after the start.
    pub(crate) no_speech: Option<(u32, usize)>,
    /// At most so many tokens.
    pub(crate) most: usize,
    /// 0 takes the likeliest token.
    pub(crate) temperature: f32,
    /// Of what is drawn: the same seed draws the same.
    pub(crate) seed: u64,
}

pub(crate) fn decode(
    network: &Network,
    audio: &Audio,
    prompt: &[u32],
    manner: &Manner<'_>,
    cancelled: &dyn Fn() -> bool,
) -> Result<Decoded, Error> {
    let (mut state, mut logits) = network.begin(audio, prompt)?;
    let no_speech = match manner.no_speech {
        Some((token, place)) => Some(probability(logits.all()?.row(place).iter().copied().collect(), token)),
        None => None,
    };
    let (mut tokens, mut logprobs) = (Vec::new(), Vec::new());
    let mut chance = Rng::with_seed(manner.seed);
    let mut row: Vec<f32> = Vec::new();
    while tokens.len() < manner.most && !cancelled() {
        row.clear();
        row.extend(logits.last()?);
        manner.rules.apply(&tokens, &mut row);
        let token = if manner.temperature > 0.0 { draw(&row, manner.temperature, chance.f32()) } else { best(&row) };
        logprobs.push(row[token] - log_sum_exp(&row));
        let token = token as u32;
        if token == manner.end {
            break;
        }
        tokens.push(token);
        if tokens.len() < manner.most {
            logits = network.next(&mut state, token)?;
        }
    }
    Ok(Decoded { tokens, logprobs, no_speech })
}

fn probability(logits: Vec<f32>, token: u32) -> f32 {
    logits.get(token as usize).map_or(0.0, |logit| (logit - log_sum_exp(&logits)).exp())
}

/// The first of the greatest.
fn best(logits: &[f32]) -> usize {
    let first = (0, f32::NEG_INFINITY);
    logits.iter().enumerate().fold(first, |best, (token, logit)| if *logit > best.1 { (token, *logit) } else { best }).0
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
}
