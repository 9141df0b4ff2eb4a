//! Modified beam search: several hypotheses, each with at most one symbol per frame; equal ones are merged. Hotwords
//! add to the score of the hypotheses that contain them.
//!
//! Source: Kang et al., Fast and Parallel Decoding for Transducer, ICASSP 2023, and the results of sherpa-onnx.

use super::Options;
use crate::{
    hotwords,
    token::{Token, log_sum_exp},
    transducer::{Prediction, Transducer},
};
use auricle_plugin_api::Error;
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

/// The state between frames.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Beam {
    /// Number of decoded frames.
    pub(crate) frame: u64,
    /// The hypotheses, at least one.
    paths: Vec<Path>,
    /// Index of the most likely one, relative to its length.
    best: usize,
}

/// A hypothesis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Path {
    /// The tokens of the utterance.
    tokens: Vec<Token>,
    /// The predictor's output after them.
    prediction: Prediction,
    /// The sum of logarithmic probabilities and of the scores of hotwords.
    score: f64,
    /// The state in the graph of hotwords.
    place: hotwords::HotwordState,
}

/// A stream's part in a step.
pub(super) struct Job<'a> {
    pub(super) frames: ArrayView2<'a, f32>,
    pub(super) search: &'a mut Beam,
    pub(super) options: &'a Options,
}

/// The index of a path, and the next symbol.
struct Candidate {
    score: f32,
    path: usize,
    symbol: usize,
    confidence: f32,
}

impl Beam {
    pub(super) fn new(transducer: &Transducer) -> Self {
        let prediction = transducer.predictor.begin().clone();
        let path = Path { tokens: Vec::new(), prediction, score: 0.0, place: hotwords::HotwordState::default() };
        Self { frame: 0, paths: vec![path], best: 0 }
    }

    pub(super) fn tokens(&self) -> &[Token] {
        self.paths.get(self.best).map_or(&[], |path| &path.tokens)
    }

    /// Only the hypothesis that was reported continues.
    pub(super) fn end_utterance(&mut self, transducer: &Transducer) {
        let mut path = self.paths.swap_remove(self.best);
        path.tokens.clear();
        path.score = 0.0;
        path.place = hotwords::HotwordState::default();
        if !transducer.predictor.remembers() {
            path.prediction = transducer.predictor.begin().clone();
        }
        (self.paths, self.best) = (vec![path], 0);
    }

    pub(super) fn is_of(&self, transducer: &Transducer, options: &Options) -> bool {
        let known = |place| {
            options.hotwords.as_ref().map_or(place == hotwords::HotwordState::default(), |words| words.has(place))
        };
        self.best < self.paths.len()
            && self.paths.iter().all(|path| transducer.predictor.is_of(&path.prediction) && known(path.place))
    }

    /// The most likely path relative to its length; `before` is the number of tokens in the predictor's state at the
    /// start.
    fn choose(&mut self, before: usize) {
        let likelihood = |path: &Path| path.score / (path.tokens.len() + before).max(1) as f64;
        let mut best = 0;
        for (number, path) in self.paths.iter().enumerate() {
            if likelihood(path) > likelihood(&self.paths[best]) {
                best = number;
            }
        }
        self.best = best;
    }
}

/// Processes the frames of several streams, frame by frame; all have the same number.
pub(super) fn decode(transducer: &Transducer, mut jobs: Vec<Job<'_>>) -> Result<(), Error> {
    let frames = jobs.first().map_or(0, |job| job.frames.nrows());
    for frame in 0..frames {
        let (mut frames, mut predicted) = (Vec::new(), Vec::new());
        for job in &jobs {
            for path in &job.search.paths {
                frames.extend(job.frames.row(frame).iter().copied());
                predicted.extend_from_slice(&path.prediction.predicted);
            }
        }
        let logits = transducer.joiner.join(&frames, &predicted)?;
        let mut rows = logits.rows();
        // The new paths, each as the index of an old one and a symbol.
        let mut asked: Vec<(usize, usize)> = Vec::new();
        for (number, job) in jobs.iter_mut().enumerate() {
            let rows: Vec<&[f32]> = rows.by_ref().take(job.search.paths.len()).collect();
            let candidates = candidates(&job.search.paths, &rows, job.options, transducer.rules.blank);
            for place in advance(transducer, job, candidates) {
                asked.push((number, place));
            }
        }
        predict(transducer, &mut jobs, &asked)?;
    }
    for job in &mut jobs {
        job.search.choose(transducer.predictor.context());
    }
    Ok(())
}

/// The most likely continuations of the paths, best first.
fn candidates(paths: &[Path], rows: &[&[f32]], options: &Options, blank: usize) -> Vec<Candidate> {
    let mut best: Vec<Candidate> = Vec::with_capacity(options.paths + 1);
    for (path, row) in rows.iter().enumerate() {
        let penalised = |symbol: usize| row[symbol] - if symbol == blank { options.blank_penalty } else { 0.0 };
        let sum = log_sum_exp((0..row.len()).map(penalised));
        let plain = if options.blank_penalty == 0.0 { sum } else { log_sum_exp(row.iter().copied()) };
        let score = paths[path].score as f32;
        for symbol in 0..row.len() {
            let score = penalised(symbol) - sum + score;
            if score.is_nan() || best.len() == options.paths && best.last().is_some_and(|last| score <= last.score) {
                continue;
            }
            let place = best.partition_point(|candidate| candidate.score >= score);
            best.insert(place, Candidate { score, path, symbol, confidence: (row[symbol] - plain).exp() });
            best.truncate(options.paths);
        }
    }
    best
}

/// Replaces the paths by the candidates. Returns those that got a token, whose prediction is still the one before it.
fn advance(transducer: &Transducer, job: &mut Job<'_>, candidates: Vec<Candidate>) -> Vec<usize> {
    let (start, end) = (job.search.frame, job.search.frame + 1);
    let (mut paths, mut grown): (Vec<Path>, Vec<usize>) = (Vec::new(), Vec::new());
    for Candidate { score, path, symbol, confidence } in candidates {
        let mut path = job.search.paths[path].clone();
        path.score = f64::from(score);
        let grows = !transducer.is_silent(symbol);
        if grows {
            let id = symbol as u32;
            path.tokens.push(Token { id, start, end, confidence });
            if let Some(hotwords) = &job.options.hotwords {
                let (bonus, place) = hotwords.after(path.place, id);
                path.score += f64::from(bonus);
                path.place = place;
            }
        }
        let ids = |path: &Path| path.tokens.iter().map(|token| token.id).collect::<Vec<_>>();
        match paths.iter_mut().find(|other| other.tokens.len() == path.tokens.len() && ids(other) == ids(&path)) {
            Some(same) => same.score = log_add(same.score, path.score),
            None => {
                if grows {
                    grown.push(paths.len());
                }
                paths.push(path);
            }
        }
    }
    // If all values are NaN, the paths stay.
    if !paths.is_empty() {
        job.search.paths = paths;
    }
    job.search.frame = end;
    grown
}

/// Runs the predictor for the paths that got a token: index of the stream, and of its path.
fn predict(transducer: &Transducer, jobs: &mut [Job<'_>], grown: &[(usize, usize)]) -> Result<(), Error> {
    if grown.is_empty() {
        return Ok(());
    }
    let asked = grown.iter().map(|(job, path)| {
        let path = &jobs[*job].search.paths[*path];
        (&path.prediction, path.tokens.last().map_or(transducer.rules.blank, |token| token.id as usize))
    });
    let predictions = transducer.predictor.predict(&asked.collect::<Vec<_>>())?;
    for ((job, path), prediction) in grown.iter().zip(predictions) {
        jobs[*job].search.paths[*path].prediction = prediction;
    }
    Ok(())
}

fn log_add(one: f64, other: f64) -> f64 {
    let (more, less) = if one > other { (one, other) } else { (other, one) };
    more + (less - more).exp().ln_1p()
}
