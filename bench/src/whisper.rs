//! Engine `whisper`, compared with CTranslate2, which faster-whisper uses, and whisper.cpp: the same weights, synthetic
//! of sizes tiny and base, the same window of audio, the same number of tokens, one thread and two.
//!
//! Sums are compared: the time of the encoder, the prompt and 200 tokens, by the median of the rounds' ratios. In each
//! round all sides run in turn, while the others wait. The peers have several builds and settings. Those that are much
//! slower than the best of their maker are excluded after the first rounds, and each maker is represented by its best.
//!
//! Invariant: no peer does more work than the engine. The engine follows Whisper's rules for timestamps and computes
//! each token's probability; the peers only need the most likely token. At full precision the engine must write the
//! same text as CTranslate2 with the same rules, or there is no ratio.

mod ours;
mod sides;
mod table;
mod theirs;

use crate::Done;
use ours::Engine;
use sides::{Class, Maker, Side};
use std::{fs, path::Path, thread, time::Duration};

const SIZES: [&str; 2] = ["tiny", "base"];
const THREADS: [usize; 2] = [1, 2];
/// Number of tokens in a sum.
const TOKENS: f64 = 200.0;
const AIM: f64 = 1.8;
/// From this round on, a setting is excluded if its best sum is this many times its maker's best. Before the first
/// round only the result of warming up is known.
const BEHIND: [(usize, f64); 3] = [(0, 3.0), (1, 1.5), (2, 1.1)];
/// Time for threads that still spin.
const REST: Duration = Duration::from_millis(200);

/// The times of a decode, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Phases {
    encoder: f64,
    prompt: f64,
    /// One token after the first.
    token: f64,
}

impl Phases {
    fn sum(&self) -> f64 {
        self.encoder + self.prompt + (TOKENS - 1.0) * self.token
    }
}

pub(crate) fn run(work: &Path, rounds: usize) -> Done {
    let engine = Engine::open(work)?;
    let load = fs::read_to_string("/proc/loadavg")?;
    println!("load of this machine before: {}", load.split(' ').take(3).collect::<Vec<_>>().join(", "));
    println!("sum: encoder, prompt and {TOKENS} tokens; without rounds: what warming up foretold");
    let mut worst = f64::INFINITY;
    for size in SIZES {
        for class in [Class::Eight, Class::Full] {
            for threads in THREADS {
                let mut sides = sides::open(&engine, work, size, class, threads)?;
                if (class, threads) == (Class::Full, 1) {
                    sides::compare(&mut sides)?;
                }
                measure(&mut sides, rounds)?;
                table::print(
                    &format!("{size}, {class}, {threads} thread{}", if threads == 1 { "" } else { "s" }),
                    &sides,
                );
                if class == Class::Eight {
                    let ratio = |maker| table::ratio(&sides, maker);
                    worst = worst.min(ratio(Maker::CTranslate2)).min(ratio(Maker::WhisperCpp));
                }
            }
        }
    }
    println!("ratio {worst:.3} (aim {AIM:.1})");
    Ok(())
}

fn measure(sides: &mut [Side], rounds: usize) -> Done {
    let count = sides.len();
    leave_out(sides, 0);
    for round in 1..=rounds {
        for turn in 0..count {
            // The order is reversed in every other round.
            let side = &mut sides[if round % 2 == 0 { count - 1 - turn } else { turn }];
            let take = if side.out { None } else { Some(side.decode()?) };
            side.takes.push(take);
            thread::sleep(REST);
        }
        leave_out(sides, round);
    }
    Ok(())
}

fn leave_out(sides: &mut [Side], round: usize) {
    let Some((_, factor)) = BEHIND.iter().rev().find(|(from, _)| round >= *from) else { return };
    for maker in [Maker::CTranslate2, Maker::WhisperCpp] {
        let of_maker = || sides.iter().filter(|side| side.maker == maker);
        let best = of_maker().map(Side::best).fold(f64::INFINITY, f64::min);
        sides.iter_mut().filter(|side| side.maker == maker).for_each(|side| side.out |= side.best() > best * factor);
    }
}
