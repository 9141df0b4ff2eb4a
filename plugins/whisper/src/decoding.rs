//! A window of audio to tokens: what is asked for, and what comes of it.
//!
//! Source: Radford et al. 2022, section 4.5.

mod beam;
mod greedy;

use crate::{
    logits::log_sum_exp,
    network::{Audio, Network},
    rules::Rules,
    timing::Timing,
};
use auricle_plugin_api::Error;
use std::time::Instant;

/// What was decoded.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Decoded {
    /// Without the prompt and the end.
    pub(crate) tokens: Vec<u32>,
    /// The probability of each, and then of the end, as logarithms; the end's is missing where the room was full.
    pub(crate) logprobs: Vec<f32>,
    /// The probability that nobody speaks, where the vocabulary knows it.
    pub(crate) no_speech: Option<f32>,
    /// Whether the text went round in circles and was cut for it.
    pub(crate) circled: bool,
}

impl Decoded {
    /// The mean logarithmic probability of a token, the end included.
    pub(crate) fn mean_logprob(&self) -> f32 {
        self.logprobs.iter().sum::<f32>() / self.logprobs.len().max(1) as f32
    }

    /// Drops the last `superfluous` tokens, which repeat what stands before them.
    pub(crate) fn cut(&mut self, superfluous: usize) {
        self.tokens.truncate(self.tokens.len() - superfluous);
        self.logprobs.truncate(self.tokens.len());
        self.circled = true;
    }
}

/// What stands before the first decoded token.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Prompt {
    pub(crate) tokens: Vec<u32>,
    /// Which of them is the start: after it the model says whether anybody speaks.
    pub(crate) start: usize,
}

/// How to decode.
#[derive(Clone, Copy)]
pub(crate) struct Manner<'a> {
    pub(crate) rules: &'a Rules,
    pub(crate) end: u32,
    /// The token of no speech.
    pub(crate) no_speech: Option<u32>,
    /// At most so many tokens.
    pub(crate) most: usize,
    /// Texts that are followed side by side at temperature 0, at least 1.
    pub(crate) beams: usize,
    /// How often a text may repeat itself; 0 allows any.
    pub(crate) repetitions: usize,
    /// Whether nobody waits for the text any more: then it ends with the token that is reached.
    pub(crate) cancelled: &'a dyn Fn() -> bool,
}

/// Decodes at a temperature: 0 takes what is likeliest, more draws by chance; the same seed draws the same.
pub(crate) fn decode(
    network: &Network,
    audio: &Audio,
    prompt: &Prompt,
    manner: &Manner<'_>,
    temperature: f32,
    seed: u64,
    timing: &mut Timing,
) -> Result<Decoded, Error> {
    let began = Instant::now();
    let beams = if temperature > 0.0 { 1 } else { manner.beams };
    let rows = [prompt.start, prompt.tokens.len() - 1];
    let mut decode = network.begin(audio, &prompt.tokens, &rows, beams)?;
    let no_speech = match manner.no_speech {
        Some(token) => Some(probability(decode.logits(0)?, token)),
        None => None,
    };
    let prompted = began.elapsed();
    let decoded = if beams > 1 {
        beam::search(&mut *decode, 1, manner)?
    } else {
        greedy::follow(&mut *decode, 1, manner, temperature, seed)?
    };
    timing.decoded(prompted, began.elapsed() - prompted, decoded.logprobs.len());
    Ok(Decoded { no_speech, ..decoded })
}

fn probability(logits: &[f32], token: u32) -> f32 {
    logits.get(token as usize).map_or(0.0, |logit| (logit - log_sum_exp(logits)).exp())
}
