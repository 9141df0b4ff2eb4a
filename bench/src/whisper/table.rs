//! Prints the results of a case.

use super::{
    Phases,
    sides::{Maker, Side},
};
use crate::stats;

pub(super) fn print(case: &str, sides: &[Side]) {
    let head = format!("{case}: ms, medians");
    println!("{head:<52}{:>8}{:>8}{:>8}{:>8}{:>7}{:>7}", "encoder", "prompt", "token", "sum", "rounds", "ratio");
    let Some(own) = sides.iter().find(|side| side.maker == Maker::Auricle) else { return };
    for side in sides {
        let takes: Vec<Phases> = side.takes.iter().flatten().copied().collect();
        let rounds = takes.len();
        let takes = if takes.is_empty() { side.first.into_iter().collect() } else { takes };
        let median = |value: fn(&Phases) -> f64| stats::median(&takes.iter().map(value).collect::<Vec<_>>());
        let (encoder, prompt) = (median(|take| take.encoder), median(|take| take.prompt));
        let (token, sum) = (median(|take| take.token), median(Phases::sum));
        // The ratio of the rounds, if there were any.
        let ratio = if rounds > 0 { ratio_to(own, side) } else { sum / stats::median(&sums(own)) };
        println!("{:<52}{encoder:>8.1}{prompt:>8.1}{token:>8.3}{sum:>8.0}{rounds:>7}{ratio:>7.2}", side.name);
    }
}

/// The ratio of a maker's sum, with its best setting, to ours.
pub(super) fn ratio(sides: &[Side], maker: Maker) -> f64 {
    let Some(own) = sides.iter().find(|side| side.maker == Maker::Auricle) else { return f64::NAN };
    let theirs = sides.iter().filter(|side| side.maker == maker && !side.out);
    theirs.map(|side| ratio_to(own, side)).fold(f64::INFINITY, f64::min)
}

fn sums(side: &Side) -> Vec<f64> {
    side.takes.iter().flatten().map(Phases::sum).collect()
}

/// The median over the rounds in which both ran.
fn ratio_to(own: &Side, side: &Side) -> f64 {
    let both = own.takes.iter().zip(&side.takes).filter_map(|(own, their)| Some(((*own)?.sum(), (*their)?.sum())));
    let (own, their): (Vec<f64>, Vec<f64>) = both.unzip();
    stats::ratio(&their, &own)
}
