//! Greedy transducer search: takes the best symbol repeatedly until it is the blank.

use super::Options;
use crate::{
    token::{Token, best, log_sum_exp},
    transducer::{Prediction, Transducer},
};
use auricle_plugin_api::Error;
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

/// The state between frames.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Greedy {
    /// Number of decoded frames.
    pub(crate) frame: u64,
    /// The tokens of the utterance.
    pub(crate) tokens: Vec<Token>,
    /// The predictor's output after them.
    prediction: Prediction,
}

/// A stream's part in a step.
pub(super) struct Job<'a> {
    pub(super) frames: ArrayView2<'a, f32>,
    pub(super) search: &'a mut Greedy,
    pub(super) options: &'a Options,
}

impl Greedy {
    pub(super) fn new(transducer: &Transducer) -> Self {
        Self { frame: 0, tokens: Vec::new(), prediction: transducer.predictor.begin().clone() }
    }

    pub(super) fn end_utterance(&mut self, transducer: &Transducer) {
        self.tokens.clear();
        if !transducer.predictor.remembers() {
            self.prediction = transducer.predictor.begin().clone();
        }
    }

    pub(super) fn is_of(&self, transducer: &Transducer) -> bool {
        transducer.predictor.is_of(&self.prediction)
    }
}

/// Processes the frames of several streams, frame by frame; all have the same number.
pub(super) fn decode(transducer: &Transducer, mut jobs: Vec<Job<'_>>) -> Result<(), Error> {
    let frames = jobs.first().map_or(0, |job| job.frames.nrows());
    for frame in 0..frames {
        let mut open: Vec<&mut Job<'_>> = jobs.iter_mut().collect();
        for _ in 0..transducer.rules.most_a_frame {
            open = emit(transducer, open, frame)?;
            if open.is_empty() {
                break;
            }
        }
        jobs.iter_mut().for_each(|job| job.search.frame += 1);
    }
    Ok(())
}

/// Takes one symbol for a frame of each of these streams; returns the streams that got a token.
fn emit<'a, 'b>(
    transducer: &Transducer,
    mut jobs: Vec<&'a mut Job<'b>>,
    frame: usize,
) -> Result<Vec<&'a mut Job<'b>>, Error> {
    let (mut frames, mut predicted) = (Vec::new(), Vec::new());
    for job in &jobs {
        frames.extend(job.frames.row(frame).iter().copied());
        predicted.extend_from_slice(&job.search.prediction.predicted);
    }
    let logits = transducer.joiner.join(&frames, &predicted)?;
    let found: Vec<Option<(usize, f32)>> = logits
        .rows()
        .zip(&jobs)
        .map(|(row, job)| {
            let penalty = |symbol| if symbol == transducer.rules.blank { job.options.blank_penalty } else { 0.0 };
            let (symbol, _) = best(row.iter().enumerate().map(|(symbol, logit)| logit - penalty(symbol)));
            let confidence = || (row[symbol] - log_sum_exp(row.iter().copied())).exp();
            (!transducer.is_silent(symbol)).then(|| (symbol, confidence()))
        })
        .collect();
    let mut symbols = found.iter();
    jobs.retain(|_| symbols.next().is_some_and(Option::is_some));
    if jobs.is_empty() {
        return Ok(jobs);
    }
    let found: Vec<(usize, f32)> = found.into_iter().flatten().collect();
    let asked: Vec<_> = jobs.iter().zip(&found).map(|(job, (symbol, _))| (&job.search.prediction, *symbol)).collect();
    let predictions = transducer.predictor.predict(&asked)?;
    for ((job, (symbol, confidence)), prediction) in jobs.iter_mut().zip(found).zip(predictions) {
        let (start, end) = (job.search.frame, job.search.frame + 1);
        job.search.tokens.push(Token { id: symbol as u32, start, end, confidence });
        job.search.prediction = prediction;
    }
    Ok(jobs)
}
