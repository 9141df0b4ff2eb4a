//! Two sets of transcripts of the same recordings: the difference of their errors, and whether it may be chance.
//!
//! Bootstrap (Bisani and Ney, "Bootstrap estimates for confidence intervals in ASR performance evaluation", 2004): the
//! recordings are drawn with replacement, all transcripts of a recording together. The numbers drawn are the same in
//! every run.

use super::{
    scores::Scores,
    transcripts::{Transcript, TranscriptsError},
};
use auricle_core::{word_errors::Step, wording::count};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    fmt::{self, Display, Formatter},
    path::Path,
};

const DRAWS: usize = 10_000;
const SEED: u64 = 1;

/// A range that covers 95 % of the draws.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Interval {
    pub(super) low: f64,
    pub(super) high: f64,
}

/// The comparison with other transcripts.
#[derive(Debug, Serialize)]
pub(super) struct Comparison {
    other_word_error_rate: f64,
    /// This word error rate minus the other one.
    difference: f64,
    difference_interval: Interval,
    /// The errors of one side only, with how often they occur.
    only_here: Vec<Repeated>,
    only_there: Vec<Repeated>,
}

/// An error that occurs a number of times in a recording.
#[derive(Debug, Serialize)]
struct Repeated {
    recording: String,
    error: Step<String>,
    times: usize,
}

impl Comparison {
    /// Compares the scores with those of other transcripts, which are in `file`.
    pub(super) fn of(scores: &Scores, other: &Scores, file: &Path) -> Result<Self, TranscriptsError> {
        let (mut pairs, mut only_here, mut only_there) = (Vec::new(), Vec::new(), Vec::new());
        for (here, there) in scores.recordings.iter().zip(&other.recordings) {
            let mut errors = 0;
            let mut differences = BTreeMap::<&Step<String>, isize>::new();
            for (transcript, steps) in &here.transcripts {
                let same = |(one, _): &&(Transcript, _)| one.key() == transcript.key();
                let Some((_, others)) = there.transcripts.iter().find(same) else {
                    let Transcript { recording, lead_silence, .. } = transcript.clone();
                    return Err(TranscriptsError::Missing { file: file.to_owned(), recording, lead_silence });
                };
                steps.iter().filter(is_error).for_each(|step| *differences.entry(step).or_default() += 1);
                others.iter().filter(is_error).for_each(|step| *differences.entry(step).or_default() -= 1);
                errors += others.iter().filter(is_error).count();
            }
            pairs.push((here.words.total() as f64 - errors as f64, here.words.reference as f64));
            for (step, times) in differences {
                let side = if times > 0 { &mut only_here } else { &mut only_there };
                if times != 0 {
                    let (recording, error) = (here.recording.clone(), step.clone());
                    side.push(Repeated { recording, error, times: times.unsigned_abs() });
                }
            }
        }
        let difference = rate(pairs.iter().copied());
        Ok(Self {
            other_word_error_rate: scores.word_error_rate - difference,
            difference,
            difference_interval: interval(&pairs, |pair| *pair),
            only_here,
            only_there,
        })
    }
}

fn is_error(step: &&Step<String>) -> bool {
    !matches!(step, Step::Same(_))
}

/// The interval of a rate: the sum of the first numbers over that of the second.
pub(super) fn interval<T>(recordings: &[T], numbers: impl Fn(&T) -> (f64, f64)) -> Interval {
    let numbers: Vec<_> = recordings.iter().map(numbers).collect();
    if numbers.is_empty() {
        return Interval { low: 0.0, high: 0.0 };
    }
    let mut random = fastrand::Rng::with_seed(SEED);
    let mut rates: Vec<f64> =
        (0..DRAWS).map(|_| rate((0..numbers.len()).map(|_| numbers[random.usize(..numbers.len())]))).collect();
    rates.sort_by(f64::total_cmp);
    let at = |share: f64| rates[(share * (DRAWS - 1) as f64).round() as usize];
    Interval { low: at(0.025), high: at(0.975) }
}

fn rate(numbers: impl Iterator<Item = (f64, f64)>) -> f64 {
    let (errors, words) = numbers.fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    if errors == 0.0 { 0.0 } else { errors / words }
}

impl Display for Comparison {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Interval { low, high } = self.difference_interval;
        let [other, difference, low, high] =
            [self.other_word_error_rate, self.difference, low, high].map(|rate| rate * 100.0);
        write!(
            f,
            "the other has {other:.2} %; difference {difference:+.2} points, 95 % interval {low:+.2} to {high:+.2}"
        )?;
        for (name, errors) in [("only here", &self.only_here), ("only there", &self.only_there)] {
            let times = errors.iter().map(|error| error.times).sum::<usize>();
            write!(f, "\n{name}: {}", count(times, "error"))?;
            for Repeated { recording, error, times } in errors {
                write!(f, "\n  {recording}: {}", describe(error))?;
                if *times > 1 {
                    write!(f, " ({times} times)")?;
                }
            }
        }
        Ok(())
    }
}

fn describe(error: &Step<String>) -> String {
    match error {
        Step::Same(word) => word.clone(),
        Step::Substituted(said, recognized) => format!("substituted {said} -> {recognized}"),
        Step::Deleted(word) => format!("deleted {word}"),
        Step::Inserted(word) => format!("inserted {word}"),
    }
}
