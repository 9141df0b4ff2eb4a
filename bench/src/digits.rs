//! The cost of a second of audio in engine `onnx` and sherpa-onnx: the same model, recording and pieces, one thread and
//! one process each, in turns.
//!
//! Measured is the processor time of a process, by its own clock, from the first piece of audio to the last text,
//! without loading. Both get the recording several times, as one utterance. If their texts differ, there is no ratio.
//!
//! The reference is called from Python. The cost of these calls without the work is measured too, and subtracted.

mod ours;
mod theirs;

use crate::{
    Done,
    recording::{self, RATE},
    stats,
};
use auricle_plugin_test::audio::wav_floats;
use std::path::Path;

const ROUNDS: usize = 15;
/// The recording, which is repeated.
const RECORDING: &str = "fixtures/digits.wav";
/// Minimum length of the audio, in seconds.
const SECONDS: f64 = 60.0;
const AIM: f64 = 1.3;

/// Processor time per second of audio in milliseconds, for each round.
#[derive(Default)]
struct Times {
    whole: Vec<f64>,
    features: Vec<f64>,
}

pub(crate) fn run(model: &Path) -> Done {
    let recording = recording::path(RECORDING);
    let samples = wav_floats(&recording);
    let times = (SECONDS * RATE / samples.len() as f64).ceil() as usize;
    let audio = samples.repeat(times);
    let ours = ours::Ours::open(model, &audio)?;
    let mut theirs = theirs::Theirs::start(model, &recording, times, ours.piece())?;

    let seconds = audio.len() as f64 / RATE;
    let cost = |cpu: f64| cpu * 1e3 / seconds;
    let (mut auricle, mut sherpa, mut calls) = (Times::default(), Times::default(), Vec::new());
    let mut text = String::new();
    // The first round warms up.
    for round in 0..=ROUNDS {
        let mut texts = [const { String::new() }; 2];
        for turn in 0..2 {
            if (round + turn) % 2 == 0 {
                let (cpu, text) = ours.recognize();
                auricle.whole.push(cost(cpu));
                auricle.features.push(cost(ours.features()));
                texts[0] = text;
            } else {
                let (cpu, text) = theirs.ask("hear")?;
                let alone = theirs.ask("calls")?.0;
                sherpa.whole.push(cost(cpu - alone));
                sherpa.features.push(cost(theirs.ask("features")?.0));
                calls.push(cost(alone));
                texts[1] = text;
            }
        }
        let [ours, theirs] = &texts;
        if ours != theirs || ours.is_empty() {
            return Err(format!("they do not compute the same:\nAuricle:     {ours}\nsherpa-onnx: {theirs}").into());
        }
        text.clone_from(ours);
        if round == 0 {
            (auricle, sherpa, calls) = (Times::default(), Times::default(), Vec::new());
        }
    }

    println!(
        "{RECORDING} {times} times: {seconds:.1} s in pieces of {:.0} ms; {} words, the same from both",
        ours.piece() as f64 / RATE * 1e3,
        text.split(' ').count()
    );
    println!("{:<48}{:>8}{:>8}{:>8}", format!("ms of CPU a second of audio, {ROUNDS} rounds"), "min", "median", "max");
    for (name, times) in [("Auricle", &auricle), ("sherpa-onnx", &sherpa)] {
        print(name, &times.whole);
        print("  of it features", &times.features);
        let rest: Vec<f64> =
            times.whole.iter().zip(&times.features).map(|(whole, features)| whole - features).collect();
        print("  of it network, tokens, results", &rest);
    }
    print("taken off sherpa-onnx: calls from Python", &calls);
    println!("ratio {:.3} (aim {AIM:.1})", stats::ratio(&sherpa.whole, &auricle.whole));
    Ok(())
}

fn print(what: &str, times: &[f64]) {
    let [min, median, max] = [0.0, 0.5, 1.0].map(|share| stats::quantile(times, share));
    println!("{what:<48}{min:>8.3}{median:>8.3}{max:>8.3}");
}
