//! The cost of a worker process: the same engines, models and streams in the server's own process and in workers, in
//! turns.
//!
//! Measured is the processor time of the server with its workers per second of audio. Two streams at a time are sent as
//! fast as they are processed, so that a worker never sleeps long and each chunk includes the cost of crossing the
//! boundary.

use crate::{
    Done, from_xtask,
    host::{
        client::{Client, HEAD_BYTES, frame},
        server::{self, cpu_with_workers},
    },
    recording, stats,
};
use auricle_plugin_test::{
    audio::{bytes, wav},
    server::Process,
};
use serde_json::json;
use std::{env, path::PathBuf, thread};

const ROUNDS: usize = 7;
const STREAMS: usize = 2;

/// An engine, its recording, and the number of repetitions.
struct Case {
    name: &'static str,
    preset: &'static str,
    recording: &'static str,
    times: usize,
}

const CASES: [Case; 4] = [
    Case { name: "pocketsphinx", preset: r#""backend": "pocketsphinx""#, recording: "fixtures/weather.wav", times: 2 },
    Case {
        name: "digits",
        preset: r#""backend": "onnx", "model": "digits""#,
        recording: "fixtures/digits.wav",
        times: 10,
    },
    // A synthetic model of a published size, created by `cargo xtask parity onnx`; skipped if it does not exist.
    Case {
        name: LARGE,
        preset: r#""backend": "onnx", "model": "nemo-ctc-large""#,
        recording: "fixtures/digits.wav",
        times: 1,
    },
    Case { name: "tone", preset: r#""backend": "tone""#, recording: "fixtures/digits.wav", times: 60 },
];

const LARGE: &str = "nemo-ctc-large";

/// Prints the table. The ratio in the last line is that of PocketSphinx.
pub(crate) fn run() -> Done {
    let large = env::var_os("AURICLE_LARGE_MODELS").map(PathBuf::from).filter(|dir| dir.join(LARGE).is_dir());
    let cases = || CASES.iter().filter(|case| large.is_some() || case.name != LARGE);
    let presets: Vec<_> = cases()
        .flat_map(|case| ["in-process", "process"].map(|isolation| (case, isolation)))
        .map(|(case, isolation)| {
            let host = json!({"isolation": isolation, "preload": true});
            (format!("{}-{isolation}", case.name), format!("{{{}, \"host\": {host}}}", case.preset))
        })
        .collect();
    let presets: Vec<_> = presets.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let (plugins, runtime, models) =
        (from_xtask("AURICLE_PLUGINS")?, from_xtask("AURICLE_RUNTIME")?, from_xtask("AURICLE_MODELS")?);
    let setup = server::setup(server::SETTINGS, &presets)?.plugins(&plugins);
    let resources = [Some(&runtime), Some(&models), large.as_ref()].into_iter().flatten();
    let host = resources.fold(setup, |setup, dir| setup.resource(dir)).start();
    println!("{STREAMS} streams at once, as fast as they are worked on, {ROUNDS} rounds, medians");
    println!("{:<14}{:>18}{:>18}{:>10}", "ms for a second", "in-process", "process", "ratio");
    let mut first = None;
    for case in cases() {
        let audio = frames(case);
        let [mut inside, mut outside] = [Vec::new(), Vec::new()];
        for round in 0..=ROUNDS {
            // In turns; each is first in every other round.
            let mut order = [("in-process", &mut inside), ("process", &mut outside)];
            if round % 2 == 1 {
                order.reverse();
            }
            for (isolation, times) in order {
                let time = measure(&host, case, isolation, &audio)?;
                // The first round warms up.
                times.extend((round > 0).then_some(time));
            }
        }
        let ratio = stats::ratio(&outside, &inside);
        println!("{:<14}{:>18.2}{:>18.2}{ratio:>10.3}", case.name, stats::median(&inside), stats::median(&outside));
        first.get_or_insert(ratio);
    }
    println!("ratio {:.3} (aim 1.1)", first.ok_or("no case")?);
    Ok(())
}

/// A recording as frames on the wire; only whole frames.
fn frames(case: &Case) -> Vec<u8> {
    let bytes = bytes(&wav(&recording::path(case.recording)).1);
    let framed = bytes.chunks_exact(frame().len() - HEAD_BYTES).flat_map(|audio| {
        let mut frame = frame();
        frame[HEAD_BYTES..].copy_from_slice(audio);
        frame
    });
    framed.collect::<Vec<u8>>().repeat(case.times)
}

/// Processor time per second of audio, in milliseconds.
fn measure(host: &Process, case: &Case, isolation: &str, audio: &[u8]) -> Done<f64> {
    let preset = format!("{}-{isolation}", case.name);
    let before = cpu_with_workers(host)?;
    let send = || -> Done {
        let mut client = Client::open(host.address(), &preset, "file")?;
        client.write(audio)?;
        client.until("flushed", &json!({"type": "flush"}))
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..STREAMS).map(|_| scope.spawn(send)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "a client panicked")?)
    })?;
    let samples = audio.len() / frame().len() * (frame().len() - HEAD_BYTES) / 2;
    Ok((cpu_with_workers(host)? - before) * 1_000.0 / (STREAMS as f64 * samples as f64 / recording::RATE))
}
