//! How far a rate may be off by chance.
//!
//! Bootstrap (Bisani and Ney, "Bootstrap estimates for confidence intervals in ASR performance evaluation", 2004): the
//! recordings are drawn with replacement, all transcripts of a recording together. The numbers drawn are the same in
//! every run.

use serde::Serialize;

const DRAWS: usize = 10_000;
const SEED: u64 = 1;

/// A range that covers 95 % of the draws.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Interval {
    pub(super) low: f64,
    pub(super) high: f64,
}

/// The interval of the [`rate`] of these numbers.
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

/// The sum of the first numbers over that of the second.
pub(super) fn rate(numbers: impl Iterator<Item = (f64, f64)>) -> f64 {
    let (errors, words) = numbers.fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    if errors == 0.0 { 0.0 } else { errors / words }
}
