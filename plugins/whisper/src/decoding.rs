//! Decodes a window of audio to tokens.
//!
//! Source: Radford et al. 2022, section 4.5.

mod beam;
mod draft;
mod greedy;

pub(crate) use draft::Draft;

use crate::{
    logits::log_sum_exp,
    network::{Audio, Network},
    rules::Rules,
    timing::Timing,
};
use auricle_plugin_api::Error;
use std::time::Instant;

/// The result of a decode.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Decoded {
    /// The tokens without the prompt and the end.
    pub(crate) tokens: Vec<u32>,
    /// The logarithmic probability of each, and then of the end token; that is missing if the maximum length was
    /// reached.
    pub(crate) logprobs: Vec<f32>,
    /// The probability that there is no speech, if the vocabulary has a token for it.
    pub(crate) no_speech: Option<f32>,
    /// Whether the text was in a loop and was cut because of that.
    pub(crate) circled: bool,
}

impl Decoded {
    /// The mean logarithmic probability of a token, including the end.
    pub(crate) fn mean_logprob(&self) -> f32 {
        self.logprobs.iter().sum::<f32>() / self.logprobs.len().max(1) as f32
    }

    /// Drops the last `superfluous` tokens, which repeat the tokens before them.
    pub(crate) fn cut(&mut self, superfluous: usize) {
        self.tokens.truncate(self.tokens.len() - superfluous);
        self.logprobs.truncate(self.tokens.len());
        self.circled = true;
    }
}

/// The tokens before the first decoded one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Prompt {
    pub(crate) tokens: Vec<u32>,
    /// Index of the start token: after it the model predicts whether there is speech.
    pub(crate) start: usize,
}

/// Settings of a decode.
#[derive(Clone, Copy)]
pub(crate) struct Manner<'a> {
    pub(crate) rules: &'a Rules,
    pub(crate) end: u32,
    /// The token for no speech.
    pub(crate) no_speech: Option<u32>,
    /// Maximum number of tokens.
    pub(crate) most: usize,
    /// Number of beams at temperature 0, at least 1.
    pub(crate) beams: usize,
    /// Maximum number of repetitions in a text; 0 allows any number.
    pub(crate) repetitions: usize,
    /// The text to expect. It is used with one beam at temperature 0.
    pub(crate) draft: Draft<'a>,
    /// Whether the text is no longer needed; then the decode ends after the current token.
    pub(crate) cancelled: &'a dyn Fn() -> bool,
}

/// Decodes at a temperature: 0 selects the most likely tokens, a higher one samples; equal seeds give equal samples.
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
