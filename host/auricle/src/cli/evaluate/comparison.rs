//! Two sets of transcripts of the same recordings: the difference of their errors, and whether it may be chance.

use super::{
    bootstrap::{Interval, interval, rate},
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
