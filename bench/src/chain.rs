//! The cost of the stages that come with Auricle: alone, and with many streams in turn, which is what a worker does.
//!
//! Each stage is opened from its plugin file, hears recorded speech in pieces of 100 ms, and gets a partial text with each of them and a
//! final text each second. Measured is the processor time of this process per second of audio. An empty stage is not
//! subtracted: a call into a plugin file costs less than a microsecond (`boundary`).

use crate::{Done, from_xtask, peer::Peer, plugin::cpu, recording, stats};
use auricle_plugin_api::{Error, Segment, StageEvent, Word, host::LogLevel};
use auricle_plugin_test::{StubHost, TestStage, TestStageStream, audio::wav_floats};
use serde_json::{Value, json};
use std::{
    env::consts::{DLL_PREFIX, DLL_SUFFIX},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    process::Command,
};

const ROUNDS: usize = 5;
const RECORDING: &str = "fixtures/demo.wav";
const RATE: usize = 16_000;
/// Samples of a piece.
const PIECE: usize = 1_600;
const STREAMS: usize = 100;
/// Seconds of the recording that many streams hear.
const SHORT: usize = 2;

/// A stage: its file, name and fields.
struct Case {
    what: &'static str,
    file: &'static str,
    stage: &'static str,
    /// With the environment of Python.
    fields: fn(&str) -> Value,
}

const CASES: [Case; 3] = [
    Case {
        what: "`silence-turn`, `vad` silero",
        file: "auricle_stage_silence_turn",
        stage: "silence-turn",
        fields: |_| json!({"vad": "silero"}),
    },
    Case {
        what: "`silence-turn`, `vad` energy",
        file: "auricle_stage_silence_turn",
        stage: "silence-turn",
        fields: |_| json!({"vad": "energy"}),
    },
    Case {
        what: "`python`, a class that replaces words",
        file: "auricle_engine_python",
        stage: "python",
        fields: |venv| {
            let path = recording::path("host/auricle/src/cli/new/python/stage");
            let options = json!({"words": {"ten": "10"}});
            json!({"module": "stage", "loader": "Loader", "path": path, "venv": venv, "options": options})
        },
    },
];

pub(crate) fn run() -> Done {
    let audio = wav_floats(&recording::path(RECORDING));
    let plugins = from_xtask("AURICLE_PLUGINS")?;
    // Makes the environment, as for the benchmark of engines in Python.
    let script = recording::path("bench/python/plain.py");
    let python = Peer::start(Command::new("python3").arg(script).arg(recording::path(RECORDING)).arg("1"))?;
    println!("Processor time in µs per second of audio, median of {ROUNDS} rounds (min to max)");
    println!("| stage | alone | {STREAMS} streams, each |");
    println!("| --- | ---: | ---: |");
    for case in CASES {
        let stage = match open(&case, &plugins, &python.name) {
            Ok(stage) => stage,
            Err(problem) => {
                println!("| {} | not measured: {problem} | |", case.what);
                continue;
            }
        };
        let mut columns = Vec::new();
        for (streams, audio) in [(1, &audio[..]), (STREAMS, &audio[..SHORT * RATE])] {
            // The first round warms up.
            let times = (0..=ROUNDS).map(|_| measure(&stage, audio, streams)).collect::<Done<Vec<f64>>>()?;
            let [min, median, max] = [0.0, 0.5, 1.0].map(|share| stats::quantile(&times[1..], share));
            columns.push(format!("{median:.0} ({min:.0} to {max:.0})"));
        }
        println!("| {} | {} |", case.what, columns.join(" | "));
    }
    Ok(())
}

/// Opens a stage. What it needs may not be there, such as NumPy.
fn open(case: &Case, plugins: &Path, venv: &str) -> Done<TestStage> {
    let host = StubHost::new().resource_dir(from_xtask("AURICLE_RUNTIME")?).log_level(LogLevel::Error);
    let file = plugins.join(format!("{DLL_PREFIX}{}{DLL_SUFFIX}", case.file));
    let opened =
        catch_unwind(AssertUnwindSafe(|| TestStage::from_library(&file, case.stage, &host, (case.fields)(venv))));
    opened.map_err(|_| "it cannot be loaded, for the reason above".into())
}

/// Processor time for a second of audio, in µs.
fn measure(stage: &TestStage, audio: &[f32], count: usize) -> Done<f64> {
    let mut streams: Vec<TestStageStream> = (0..count).map(|_| stage.stream(json!({}))).collect();
    let begun = cpu();
    for (number, piece) in audio.chunks(PIECE).enumerate() {
        for stream in &mut streams {
            hear(stream, number, piece).map_err(|error| error.to_string())?;
        }
    }
    for stream in &mut streams {
        stream.finish().map_err(|error| error.to_string())?;
    }
    Ok((cpu() - begun) * 1e6 * RATE as f64 / (audio.len() * count) as f64)
}

/// A piece of audio, and the events after it.
fn hear(stream: &mut TestStageStream, number: usize, piece: &[f32]) -> Result<(), Error> {
    stream.audio(piece)?;
    let end = (number * PIECE + piece.len()) as u64;
    let start = end - end % RATE as u64;
    if end > start {
        stream.event(&StageEvent::Partial(Segment::new(start, end, "ten meters up")))?;
    } else {
        let words = ["ten", "meters", "up"].map(|word| Word::new(end - 16_000, end, word)).to_vec();
        stream.event(&StageEvent::Segment(Segment::new(end - 16_000, end, "ten meters up").words(words)))?;
    }
    stream.take();
    Ok(())
}
