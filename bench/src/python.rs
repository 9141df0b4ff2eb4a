//! The cost of engine `python`: the same classes called by the plugin file and from plain Python, with the same
//! recording in chunks of 100 ms, one thread and one process each, in turns.
//!
//! Measured is the processor time of a process, by its own clock, from the first chunk to the last text, without
//! loading. If the texts differ, there is no ratio.

use crate::{
    Done,
    peer::Peer,
    plugin::{self, cpu},
    recording, stats,
};
use auricle_plugin_api::host::LogLevel;
use auricle_plugin_test::{TestModel, audio::wav_floats};
use serde_json::json;
use std::{path::Path, process::Command};

const ROUNDS: usize = 9;
const RECORDING: &str = "fixtures/demo.wav";
/// How often the recording is repeated.
const TIMES: usize = 4;
const CHUNK: f64 = 1_600.0;
const AIM: f64 = 1.05;

/// An engine: its folder, module and class.
struct Case {
    name: &'static str,
    path: &'static str,
    module: &'static str,
    loader: &'static str,
}

const CASES: [Case; 2] = [
    Case { name: "loudness", path: "bench/python", module: "light_engine", loader: "Loader" },
    Case {
        name: "PocketSphinx, the example",
        path: "plugins/python/examples",
        module: "my_engine.loader",
        loader: "MyEngineLoader",
    },
];

pub(crate) fn run() -> Done {
    let recording = recording::path(RECORDING);
    let audio = wav_floats(&recording).repeat(TIMES);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/plain.py");
    let mut plain = Peer::start(Command::new("python3").arg(script).arg(&recording).arg(TIMES.to_string()))?;
    let (engine, _host) = plugin::open("python", Path::new("."), LogLevel::Error)?;
    let chunks = (audio.len() as f64 / CHUNK).ceil();
    println!("{:<34}{:>8}{:>8}{:>8}", format!("us of CPU a chunk, {ROUNDS} rounds"), "min", "median", "max");
    let mut ratio = 0.0;
    for Case { name, path, module, loader } in CASES {
        let path = recording::path(path).canonicalize()?;
        let model = engine.load(json!({"module": module, "loader": loader, "path": path, "venv": plain.name}));
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        // The first round warms up.
        for round in 0..=ROUNDS {
            let mut texts = [const { String::new() }; 2];
            for turn in 0..2 {
                let (times, (spent, text)) = if (round + turn) % 2 == 0 {
                    (&mut ours, recognise(&model, &audio)?)
                } else {
                    let answer = plain.ask(&format!("{module} {loader}"))?;
                    let read = || Some((answer["cpu"].as_f64()?, answer["text"].as_str()?.to_owned()));
                    (&mut theirs, read().ok_or_else(|| format!("plain Python answered {answer}"))?)
                };
                times.push(spent * 1e6 / chunks);
                texts[(round + turn) % 2] = text;
            }
            let [ours, theirs] = &texts;
            if ours != theirs || ours.is_empty() {
                return Err(format!("they do not compute the same:\nAuricle: {ours}\nplain:   {theirs}").into());
            }
        }
        for times in [&mut ours, &mut theirs] {
            times.remove(0);
        }
        print(&format!("{name}: Auricle"), &ours);
        print(&format!("{name}: plain Python"), &theirs);
        ratio = stats::ratio(&ours, &theirs);
        println!("{name}: ratio {ratio:.3}");
    }
    println!("ratio {ratio:.3} (aim {AIM:.2})");
    Ok(())
}

/// Runs a stream with all of the audio. Returns the processor time in seconds, and the text.
fn recognise(model: &TestModel, audio: &[f32]) -> Done<(f64, String)> {
    let mut stream = model.stream();
    let begun = cpu();
    stream.push(audio).map_err(|error| error.to_string())?;
    let recording = stream.finish().map_err(|error| error.to_string())?;
    Ok((cpu() - begun, recording.text()))
}

fn print(what: &str, times: &[f64]) {
    let [min, median, max] = [0.0, 0.5, 1.0].map(|share| stats::quantile(times, share));
    println!("{what:<34}{min:>8.1}{median:>8.1}{max:>8.1}");
}
