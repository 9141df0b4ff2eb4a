//! Two systems on the same recordings: the difference of their errors, and whether it may be chance.
//!
//! The recordings of both are drawn together (a paired bootstrap), so what is difficult for both does not hide a difference.

use super::{
    bootstrap::{Interval, interval, rate},
    results::System,
    scores::{Aligned, Score},
    transcripts::TranscriptsError,
};
use auricle_core::{word_errors::Step, wording::count};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    fmt::{self, Display, Formatter},
};

/// The comparison of two systems.
#[derive(Debug, Serialize)]
pub(super) struct Comparison {
    pub(super) first: String,
    pub(super) second: String,
    /// The word error rate of the second minus that of the first.
    pub(super) difference: f64,
    pub(super) difference_interval: Interval,
    /// The errors of one side only, with how often they occur.
    only_first: Vec<Repeated>,
    only_second: Vec<Repeated>,
}

/// An error that occurs a number of times in a recording.
#[derive(Debug, Serialize)]
struct Repeated {
    recording: String,
    error: Step<String>,
    times: usize,
}

impl Comparison {
    /// Compares two systems.
    ///
    /// # Errors
    /// One of them lacks a transcript that the other has.
    pub(super) fn of(first: &System, second: &System) -> Result<Self, TranscriptsError> {
        let (mut pairs, mut only_first, mut only_second) = (Vec::new(), Vec::new(), Vec::new());
        for (one, other) in first.scores.recordings.iter().zip(&second.scores.recordings) {
            let mut differences = BTreeMap::<&Step<String>, isize>::new();
            check_pairs(other, one, &first.name)?;
            for transcript in &one.transcripts {
                let paired = paired(other, transcript, &second.name, &one.recording)?;
                for (aligned, sign) in [(transcript, 1), (paired, -1)] {
                    let wrong = aligned.alignment.iter().filter(|step| !matches!(step, Step::Same(_)));
                    wrong.for_each(|step| *differences.entry(step).or_default() += sign);
                }
            }
            let errors = other.words.total() as f64 - one.words.total() as f64;
            pairs.push((errors, one.words.reference as f64));
            for (step, times) in differences {
                let side = if times > 0 { &mut only_first } else { &mut only_second };
                if times != 0 {
                    let (recording, error) = (one.recording.clone(), step.clone());
                    side.push(Repeated { recording, error, times: times.unsigned_abs() });
                }
            }
        }
        Ok(Self {
            first: first.name.clone(),
            second: second.name.clone(),
            difference: rate(pairs.iter().copied()),
            difference_interval: interval(&pairs, |pair| *pair),
            only_first,
            only_second,
        })
    }
}

/// Checks that a system, called `name`, has each of the other's transcripts of a recording.
fn check_pairs(of: &Score, has: &Score, name: &str) -> Result<(), TranscriptsError> {
    of.transcripts.iter().try_for_each(|transcript| paired(has, transcript, name, &of.recording).map(drop))
}

/// The transcript after the same silence.
fn paired<'a>(
    score: &'a Score,
    Aligned { lead_silence, .. }: &Aligned,
    system: &str,
    recording: &str,
) -> Result<&'a Aligned, TranscriptsError> {
    let is_same = |one: &&Aligned| (one.lead_silence - lead_silence).abs() < 0.0005;
    score.transcripts.iter().find(is_same).ok_or_else(|| TranscriptsError::Missing {
        system: system.to_owned(),
        recording: recording.to_owned(),
        lead_silence: *lead_silence,
    })
}

impl Display for Comparison {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { first, second, difference_interval: Interval { low, high }, .. } = self;
        let [difference, low, high] = [self.difference, *low, *high].map(|rate| rate * 100.0);
        write!(
            f,
            "{second} against {first}: {difference:+.2} points of word error rate, 95 % interval {low:+.2} to {high:+.2}"
        )?;
        for (name, errors) in [(first, &self.only_first), (second, &self.only_second)] {
            let times = errors.iter().map(|error| error.times).sum::<usize>();
            write!(f, "\nonly {name}: {}", count(times, "error"))?;
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
