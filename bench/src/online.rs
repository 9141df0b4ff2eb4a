//! Engine `whisper` as it streams, against the same policy in Python over faster-whisper: the same small trained model, the
//! same speech with pauses in the same pieces, one thread each, a process each, in turns.
//!
//! Compared are what a second of audio costs in processor time, and how long after a word's end it is final: when its piece of
//! audio is there, and what was computed until it was told. The time is made up for both in the same way, so that a run takes
//! no longer than computing; where a piece takes longer than it lasts, the next one waits.
//!
//! Invariant: a delay counts only for words that were heard right; delays are compared of words that both heard right.

mod compose;
mod delays;
mod ours;
mod theirs;

use crate::{Done, plugin, recording::RATE, stats};
use auricle_plugin_api::host::LogLevel;
use std::path::Path;

const AIM: f64 = 2.0;
/// Samples in a piece: 40 ms, what a server hands to an engine that listens for speech.
const PIECE: usize = 640;
/// The policy's settings, for both.
const CHUNK: f64 = 1.0;
const TRIM: f64 = 15.0;
const BEAM: usize = 1;
/// Measured with texts decoded again that came out badly, as both do by themselves, and without.
const TEMPERATURES: [(&str, &[f64]); 2] =
    [("decoded again where it went wrong", &[0.0, 0.2, 0.4, 0.6, 0.8, 1.0]), ("decoded once", &[0.0])];

/// A word that became final.
#[derive(Debug, Clone, PartialEq)]
struct Told {
    text: String,
    /// When, in seconds.
    at: f64,
}

/// What hearing it all came to.
struct Heard {
    /// Seconds of processor time.
    cpu: f64,
    decodes: usize,
    words: Vec<Told>,
}

/// Somebody who hears.
struct Side {
    name: String,
    hear: Box<dyn FnMut() -> Done<Heard>>,
    /// Milliseconds of processor time for a second of audio, a value for each round.
    costs: Vec<f64>,
    delays: Vec<delays::Delays>,
    decodes: usize,
}

impl Side {
    fn new(name: impl Into<String>, hear: impl FnMut() -> Done<Heard> + 'static) -> Self {
        Self { name: name.into(), hear: Box::new(hear), costs: Vec::new(), delays: Vec::new(), decodes: 0 }
    }
}

pub(crate) fn run(work: &Path, rounds: usize) -> Done {
    let composed = compose::compose()?;
    let audio = work.join("online/audio.f32");
    compose::write(&audio, &composed.samples)?;
    let seconds = composed.samples.len() as f64 / RATE;
    println!("{seconds:.0} s with {} words, in pieces of {} ms", composed.words.len(), PIECE * 1000 / RATE as usize);

    let (engine, host) = plugin::open("whisper", &work.join("online"), LogLevel::Debug)?;
    let mut worst = f64::INFINITY;
    for (case, temperatures) in TEMPERATURES {
        let mut sides = vec![ours::open(&engine, &host, composed.samples.clone(), temperatures)?];
        for precision in ["int8", "float32"] {
            sides.push(theirs::open(work, &audio, precision, temperatures)?);
        }
        // The first round warms up.
        for round in 0..=rounds {
            let count = sides.len();
            for turn in 0..count {
                let side = &mut sides[if round % 2 == 0 { count - 1 - turn } else { turn }];
                let heard = (side.hear)()?;
                if round > 0 {
                    side.costs.push(heard.cpu * 1e3 / seconds);
                    side.delays.push(delays::delays(&composed.words, &heard.words));
                    side.decodes = heard.decodes;
                }
            }
        }
        println!("{case}, {rounds} rounds");
        print(&sides);
        let (own, theirs) = sides.split_first().ok_or("nobody takes part")?;
        let ratios = theirs.iter().map(|side| stats::ratio(&side.costs, &own.costs));
        worst = ratios.fold(worst, f64::min);
    }
    println!("ratio {worst:.3} (aim {AIM:.1})");
    Ok(())
}

/// Delays are those of the last round: of the words that each heard right, and of those that Auricle heard right as well, beside
/// Auricle's own.
fn print(sides: &[Side]) {
    let head = "medians; delays in s";
    print!("{head:<40}{:>10}{:>9}{:>7}{:>8}", "CPU, ms/s", "decodes", "right", "errors");
    println!("{:>8}{:>7}{:>9}{:>7}{:>9}", "delay", "90 %", "in both", "delay", "Auricle");
    for side in sides {
        let (Some(own), Some(delays)) = (sides[0].delays.last(), side.delays.last()) else { return };
        let (right, (auricle, its)) = (delays.right(), delays.beside(own));
        let cost = stats::median(&side.costs);
        print!("{:<40}{cost:>10.1}{:>9}{:>7}{:>8}", side.name, side.decodes, right.len(), delays.errors);
        print!("{:>8.2}{:>7.2}", stats::median(&right), stats::quantile(&right, 0.9));
        println!("{:>9}{:>7.2}{:>9.2}", its.len(), stats::median(&its), stats::median(&auricle));
    }
}
