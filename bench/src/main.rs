//! The benchmarks: each runs Auricle and what it is measured against in one run, in turns, on the same machine.
//!
//! Run by `cargo xtask bench`, which names the host program and the plugin directory in the environment.

#![forbid(unsafe_code)]

mod boundary;
#[cfg(target_os = "linux")]
mod capacity;
#[cfg(target_os = "linux")]
mod digits;
#[cfg(target_os = "linux")]
mod graphs;
#[cfg(target_os = "linux")]
mod host;
#[cfg(target_os = "linux")]
mod isolation;
#[cfg(target_os = "linux")]
mod online;
#[cfg(target_os = "linux")]
mod overload;
#[cfg(target_os = "linux")]
mod peer;
#[cfg(target_os = "linux")]
mod plugin;
#[cfg(target_os = "linux")]
mod recording;
#[cfg(target_os = "linux")]
mod soak;
mod stats;
#[cfg(target_os = "linux")]
mod whisper;

use clap::Parser;
use std::{error::Error, path::PathBuf, process::ExitCode};

pub(crate) type Done<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Measures Auricle beside what it is measured against; the last line is the ratio.
#[derive(Parser)]
#[command(name = "auricle-bench")]
enum Bench {
    /// A guarded call into a plugin file, against the same call in-process
    Boundary,
    /// The host on an engine that does nothing, against a bare WebSocket sink; latency, memory, time to register
    Host,
    /// Engines in worker processes, against the same in the server's own process
    Isolation,
    /// Twice as many clients as the server can serve, with admission and without
    Overload,
    /// Engine `onnx` on a model, against sherpa-onnx on the same model
    Digits {
        /// The model's folder
        #[arg(long)]
        model: PathBuf,
    },
    /// Engine `onnx` on models with optimizations, against the files as they are
    Graphs {
        /// The models' folders
        #[arg(long)]
        model: Vec<PathBuf>,
    },
    /// Engine `whisper` on made-up models, against CTranslate2 and whisper.cpp on the same weights
    Whisper {
        /// The folder of what `bench/whisper/prepare.py` made
        #[arg(long)]
        work: PathBuf,
        /// How often each is measured
        #[arg(long, default_value_t = 9)]
        rounds: usize,
    },
    /// Engine `whisper` as it streams, against the same policy in Python over faster-whisper
    Online {
        /// The folder of what `bench/whisper/prepare.py` made
        #[arg(long)]
        work: PathBuf,
        /// How often each is measured
        #[arg(long, default_value_t = 3)]
        rounds: usize,
    },
    /// How many streams the host holds with engine `onnx`, against sherpa-onnx's server on the same model files
    #[cfg(target_os = "linux")]
    Capacity(capacity::Options),
    /// A server left running with clients that come and go and go wrong; the report and a plot
    Soak {
        /// For how long
        #[arg(long, default_value_t = 60.0)]
        minutes: f64,
        /// At the same time
        #[arg(long, default_value_t = 100)]
        streams: usize,
        /// Where the plot goes
        #[arg(long)]
        plot: PathBuf,
    },
    /// The bare sink, on a port of its own
    #[command(hide = true)]
    Sink,
}

fn main() -> ExitCode {
    let done = match Bench::parse() {
        Bench::Boundary => boundary::run(),
        #[cfg(target_os = "linux")]
        Bench::Host => host::run(),
        #[cfg(target_os = "linux")]
        Bench::Isolation => isolation::run(),
        #[cfg(target_os = "linux")]
        Bench::Overload => overload::run(),
        #[cfg(target_os = "linux")]
        Bench::Digits { model } => digits::run(&model),
        #[cfg(target_os = "linux")]
        Bench::Graphs { model } => graphs::run(&model),
        #[cfg(target_os = "linux")]
        Bench::Whisper { work, rounds } => whisper::run(&work, rounds),
        #[cfg(target_os = "linux")]
        Bench::Online { work, rounds } => online::run(&work, rounds),
        #[cfg(target_os = "linux")]
        Bench::Capacity(options) => capacity::run(&options),
        #[cfg(target_os = "linux")]
        Bench::Soak { minutes, streams, plot } => soak::run(minutes, streams, &plot),
        #[cfg(target_os = "linux")]
        Bench::Sink => host::sink::run(),
        #[cfg(not(target_os = "linux"))]
        _ => Err("this benchmark runs on Linux only, which tells it the processor time of processes".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("auricle-bench: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// A path that `cargo xtask bench` hands over.
#[cfg(target_os = "linux")]
pub(crate) fn from_xtask(name: &str) -> Done<PathBuf> {
    let path = std::env::var_os(name).map(PathBuf::from);
    path.ok_or_else(|| format!("{name} is not set: run `cargo xtask bench`").into())
}

/// The library of an engine, out of the directory that this program was built into.
pub(crate) fn bench_engine() -> Done<PathBuf> {
    let program = std::env::current_exe()?;
    let (prefix, suffix) = (std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let file = program.with_file_name(format!("{prefix}auricle_engine_bench{suffix}"));
    if file.is_file() {
        return Ok(file);
    }
    Err(format!("{} is missing: `cargo xtask bench` builds it", file.display()).into())
}
