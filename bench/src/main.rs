//! The benchmarks. Each measures Auricle and its reference in the same run, in turns, on the same machine.
//!
//! Run with `cargo xtask bench`, which passes the host program and the plugin directory in the environment.

#![forbid(unsafe_code)]

mod boundary;
#[cfg(target_os = "linux")]
mod capacity;
#[cfg(target_os = "linux")]
mod chain;
#[cfg(target_os = "linux")]
mod dialects;
#[cfg(target_os = "linux")]
mod digits;
#[cfg(target_os = "linux")]
mod files;
#[cfg(target_os = "linux")]
mod front;
#[cfg(target_os = "linux")]
mod gate;
#[cfg(target_os = "linux")]
mod graphs;
#[cfg(target_os = "linux")]
mod host;
#[cfg(target_os = "linux")]
mod isolation;
#[cfg(target_os = "linux")]
mod live;
#[cfg(target_os = "linux")]
mod online;
#[cfg(target_os = "linux")]
mod overload;
#[cfg(target_os = "linux")]
mod peer;
#[cfg(target_os = "linux")]
mod plugin;
#[cfg(target_os = "linux")]
mod python;
#[cfg(target_os = "linux")]
mod recording;
#[cfg(target_os = "linux")]
mod resume;
#[cfg(target_os = "linux")]
mod soak;
mod stats;
#[cfg(target_os = "linux")]
mod ttfs;
#[cfg(target_os = "linux")]
mod turns;
#[cfg(target_os = "linux")]
mod webrtc;
#[cfg(target_os = "linux")]
mod whisper;

use clap::Parser;
use std::{error::Error, path::PathBuf, process::ExitCode};

pub(crate) type Done<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Compares Auricle with a reference; the last line is the ratio.
#[derive(Parser)]
#[command(name = "auricle-bench")]
enum Bench {
    /// A guarded call into a plugin file, compared with the same call in-process
    Boundary,
    /// The host with an engine that does nothing, compared with a bare WebSocket sink: latency, memory, time to
    /// register
    Host,
    /// The dialects of other servers, compared with the native protocol
    Dialects,
    /// Live streams beside uploaded recordings, compared with live streams alone
    Files,
    /// Engines in worker processes, compared with the server's own process
    Isolation,
    /// Streams through a front and an engine host, compared with one server
    Front,
    /// Twice as many clients as the server can serve, with and without admission by load
    Overload,
    /// Engine `onnx`, compared with sherpa-onnx on the same model
    Digits {
        /// The model's folder
        #[arg(long)]
        model: PathBuf,
    },
    /// Engine `onnx` with optimizations of models, compared with the original files
    Graphs {
        /// The models' folders
        #[arg(long)]
        model: Vec<PathBuf>,
    },
    /// Engine `whisper` on synthetic models, compared with CTranslate2 and whisper.cpp with the same weights
    Whisper {
        /// The folder with the output of `bench/whisper/prepare.py`
        #[arg(long)]
        work: PathBuf,
        /// Number of measurements
        #[arg(long, default_value_t = 9)]
        rounds: usize,
    },
    /// Engine `whisper` streaming, compared with the same policy in Python with faster-whisper
    Online {
        /// The folder with the output of `bench/whisper/prepare.py`
        #[arg(long)]
        work: PathBuf,
        /// Number of measurements
        #[arg(long, default_value_t = 3)]
        rounds: usize,
    },
    /// Live streams of Whisper tiny.en, compared with other servers with the same weights
    Live {
        /// The folder with the output of `bench/live/prepare.py`, and the model `tiny.en` for Auricle
        #[arg(long)]
        work: PathBuf,
        /// Only this other server
        #[arg(long, value_name = "NAME")]
        server: Option<String>,
    },
    /// Engine `python`, compared with the same classes in plain Python
    Python,
    /// The stages, alone and with many streams: processor time per second of audio
    Chain,
    /// Time from the end of speech to the final text, with Whisper tiny.en
    Ttfs {
        /// The folder with the output of `bench/live/prepare.py`, and the model `tiny.en`
        #[arg(long)]
        work: PathBuf,
        /// Number of utterances
        #[arg(long, default_value_t = 200)]
        utterances: usize,
        /// Number of streams, after a run with one
        #[arg(long, default_value_t = 4)]
        streams: usize,
    },
    /// The presets of the repository with and without a voice gate: invented words, first words, wrong words, processor time
    #[cfg(target_os = "linux")]
    Gate(gate::Options),
    /// The stages that find turns: delay of the ends of turns, early ends and misses
    #[cfg(target_os = "linux")]
    Turns(turns::Options),
    /// Streams that can be resumed, compared with others: processor time; the memory of streams that wait
    Resume,
    /// Streams over WebRTC, compared with streams over WebSocket
    Webrtc,
    /// Number of streams that the host can handle with engine `onnx`, compared with sherpa-onnx's server on the same
    /// model files
    #[cfg(target_os = "linux")]
    Capacity(capacity::Options),
    /// A server with clients that connect, disconnect and cause faults; prints a report and writes a plot
    Soak {
        /// Duration in minutes
        #[arg(long, default_value_t = 60.0)]
        minutes: f64,
        /// Number of concurrent clients
        #[arg(long, default_value_t = 100)]
        streams: usize,
        /// The file for the plot
        #[arg(long)]
        plot: PathBuf,
    },
    /// The bare sink, on its own port
    #[command(hide = true)]
    Sink,
}

fn main() -> ExitCode {
    let done = match Bench::parse() {
        Bench::Boundary => boundary::run(),
        #[cfg(target_os = "linux")]
        Bench::Host => host::run(),
        #[cfg(target_os = "linux")]
        Bench::Dialects => dialects::run(),
        #[cfg(target_os = "linux")]
        Bench::Files => files::run(),
        #[cfg(target_os = "linux")]
        Bench::Isolation => isolation::run(),
        #[cfg(target_os = "linux")]
        Bench::Front => front::run(),
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
        Bench::Live { work, server } => live::run(&work, server.as_deref()),
        #[cfg(target_os = "linux")]
        Bench::Python => python::run(),
        #[cfg(target_os = "linux")]
        Bench::Chain => chain::run(),
        #[cfg(target_os = "linux")]
        Bench::Ttfs { work, utterances, streams } => ttfs::run(&work, utterances, streams),
        #[cfg(target_os = "linux")]
        Bench::Gate(options) => gate::run(&options),
        #[cfg(target_os = "linux")]
        Bench::Turns(options) => turns::run(&options),
        #[cfg(target_os = "linux")]
        Bench::Resume => resume::run(),
        #[cfg(target_os = "linux")]
        Bench::Webrtc => webrtc::run(),
        #[cfg(target_os = "linux")]
        Bench::Capacity(options) => capacity::run(&options),
        #[cfg(target_os = "linux")]
        Bench::Soak { minutes, streams, plot } => soak::run(minutes, streams, &plot),
        #[cfg(target_os = "linux")]
        Bench::Sink => host::sink::run(),
        #[cfg(not(target_os = "linux"))]
        _ => Err("this benchmark runs on Linux only, which reports the processor time of processes".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("auricle-bench: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// A path that `cargo xtask bench` passes in the environment.
#[cfg(target_os = "linux")]
pub(crate) fn from_xtask(name: &str) -> Done<PathBuf> {
    let path = std::env::var_os(name).map(PathBuf::from);
    path.ok_or_else(|| format!("{name} is not set: run `cargo xtask bench`").into())
}

/// The library of the engine for benchmarks.
pub(crate) fn bench_engine() -> Done<PathBuf> {
    plugin_file("bench")
}

/// The library of an engine, in the directory of this program.
pub(crate) fn plugin_file(engine: &str) -> Done<PathBuf> {
    let program = std::env::current_exe()?;
    let (prefix, suffix) = (std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let file = program.with_file_name(format!("{prefix}auricle_engine_{engine}{suffix}"));
    if file.is_file() {
        return Ok(file);
    }
    Err(format!("{} is missing: `cargo xtask bench` builds it", file.display()).into())
}
