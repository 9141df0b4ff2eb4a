//! Engine `whisper` streaming, compared with the same policy in Python with faster-whisper: the same small trained
//! model, the same speech with pauses in the same pieces, one thread and one process each, in turns.
//!
//! Measured are the processor time per second of audio, and the delay from a word's end until it is final: the arrival
//! of its piece of audio plus the computation until it is reported. Time is simulated in the same way for both, so that
//! a run takes only as long as the computation. If the computation of a piece takes longer than the piece, the next one
//! waits.
//!
//! Invariant: a delay counts only for correctly recognised words; delays are compared only for words that both
//! recognised correctly.

mod compose;
mod delays;
mod ours;
mod theirs;

use crate::{Done, plugin, recording::RATE, stats};
use auricle_plugin_api::host::LogLevel;
use std::path::Path;

const AIM: f64 = 2.0;
/// Number of samples in a piece: 40 ms, which a server passes to an engine with voice activity detection.
const PIECE: usize = 640;
/// The policy's settings, for both sides.
const CHUNK: f64 = 1.0;
const TRIM: f64 = 15.0;
const BEAM: usize = 1;
/// Measured with the fallback that decodes bad texts again, which is the default of both, and without it.
const TEMPERATURES: [(&str, &[f64]); 2] =
    [("decoded again where it went wrong", &[0.0, 0.2, 0.4, 0.6, 0.8, 1.0]), ("decoded once", &[0.0])];

/// A word that became final.
#[derive(Debug, Clone, PartialEq)]
struct FinalWord {
    text: String,
    /// The time in seconds.
    at: f64,
}

/// The results of processing all of the audio.
struct Results {
    /// Processor time in seconds.
    cpu: f64,
    decodes: usize,
    words: Vec<FinalWord>,
}

/// A side of the comparison.
struct Side {
    name: String,
    run: Box<dyn FnMut() -> Done<Results>>,
    /// Processor time per second of audio in milliseconds, for each round.
    costs: Vec<f64>,
    delays: Vec<delays::Delays>,
    decodes: usize,
}

impl Side {
    fn new(name: impl Into<String>, run: impl FnMut() -> Done<Results> + 'static) -> Self {
        Self { name: name.into(), run: Box::new(run), costs: Vec::new(), delays: Vec::new(), decodes: 0 }
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
                let results = (side.run)()?;
                if round > 0 {
                    side.costs.push(results.cpu * 1e3 / seconds);
                    side.delays.push(delays::delays(&composed.words, &results.words));
                    side.decodes = results.decodes;
                }
            }
        }
        println!("{case}, {rounds} rounds");
        print(&sides);
        let (own, theirs) = sides.split_first().ok_or("there are no sides")?;
        let ratios = theirs.iter().map(|side| stats::ratio(&side.costs, &own.costs));
        worst = ratios.fold(worst, f64::min);
    }
    println!("ratio {worst:.3} (aim {AIM:.1})");
    Ok(())
}

/// Prints the results. Delays are those of the last round: of the words that each side recognised correctly, and of
/// those that Auricle recognised correctly too, compared with Auricle's.
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
