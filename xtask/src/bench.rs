//! The benchmarks. Each measures Auricle and its reference in the same run.

use crate::{
    run::{Done, root, run, target},
    stage,
};
use clap::Subcommand;
use std::{
    path::{PathBuf, absolute},
    process::Command,
};

/// Selects a benchmark.
#[derive(Subcommand)]
pub(crate) enum Bench {
    /// A guarded call into a plugin file, compared with the same call in-process
    Boundary,
    /// The host with an engine that does nothing, compared with a bare WebSocket sink: memory, latency, time to
    /// register
    Host,
    /// The dialects of other servers, compared with the native protocol: processor time of the host for a frame of audio
    Dialects,
    /// Live streams beside uploaded recordings, compared with live streams alone: delay of partial texts
    Files,
    /// Engines in worker processes, compared with the server's own process: processor time per second of audio
    Isolation,
    /// Twice as many clients as the server can serve, with and without admission by load
    Overload,
    /// Number of real-time streams with engine `onnx`, compared with sherpa-onnx's own server (PyPI) with the same
    /// synthetic models of published sizes; takes an hour. Results are cached: to measure again, remove
    /// target/bench-capacity/*.json
    Capacity {
        /// Models to measure, of 1m, 20m, 70m, 22m [default: all]
        #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
        models: Vec<String>,
        /// A quick, rough measurement
        #[arg(long)]
        quick: bool,
    },
    /// Engine `onnx`, compared with sherpa-onnx (PyPI, in an environment under target/): processor time per second of
    /// audio
    Digits {
        /// Folder of the model: NeMo's streaming CTC, as exported for sherpa-onnx [default: models/digits]
        #[arg(long, value_name = "DIR")]
        model: Option<PathBuf>,
    },
    /// Engine `onnx` with optimized networks (field `optimize`), compared with the original files: processor time per
    /// step
    Graphs {
        /// Folder of a model; may be given more than once [default: models/digits, and the synthetic ones in
        /// target/onnx-models]
        #[arg(long, value_name = "DIR")]
        model: Vec<PathBuf>,
    },
    /// Engine `whisper`, compared with CTranslate2 (PyPI) and whisper.cpp (built under target/), with synthetic models
    /// of real sizes
    Whisper {
        /// Number of measurements [default: 9]
        #[arg(long, value_name = "N")]
        rounds: Option<usize>,
    },
    /// Engine `whisper` streaming, compared with faster-whisper (PyPI) with the same policy: processor time, delay of
    /// words
    Online {
        /// Number of measurements [default: 3]
        #[arg(long, value_name = "N")]
        rounds: Option<usize>,
    },
    /// Engine `python`, compared with the same classes in plain Python (packages from PyPI, in an environment under
    /// target/): processor time per chunk
    Python,
    /// Streams that can be resumed, compared with others: processor time; the memory of streams that wait
    Resume,
    /// Streams over WebRTC, compared with streams over WebSocket: processor time of the host, delay of texts
    Webrtc,
}

/// Builds in release mode and runs the benchmark.
pub(crate) fn bench(name: &Bench) -> Done {
    let built = stage::release()?;
    let mut command = program(&built);
    match name {
        Bench::Boundary => command.arg("boundary"),
        Bench::Host => command.arg("host"),
        Bench::Dialects => command.arg("dialects"),
        Bench::Files => command.arg("files"),
        Bench::Isolation => {
            command.env("AURICLE_LARGE_MODELS", target().join("onnx-models"));
            command.arg("isolation")
        }
        Bench::Overload => command.arg("overload"),
        Bench::Capacity { models, quick } => {
            let models =
                if models.is_empty() { ["1m", "20m", "70m", "22m"].map(str::to_owned).into() } else { models.clone() };
            run(Command::new("python3").arg("bench/capacity/prepare.py").args(&models).current_dir(root()))?;
            command.arg("capacity").arg("--work").arg(target().join("bench-capacity"));
            command.arg("--models").arg(models.join(",")).args(quick.then_some("--quick"))
        }
        Bench::Digits { model } => {
            let model = model.clone().unwrap_or_else(|| root().join("models/digits"));
            let folder = absolute(&model).map_err(|error| format!("{}: {error}", model.display()))?;
            command.args(["digits", "--model"]).arg(folder)
        }
        Bench::Graphs { model } => {
            let made = ["zipformer2-ctc-large", "nemo-ctc-large", "nemo-ctc-wide"]
                .map(|name| target().join("onnx-models").join(name));
            let usual = [root().join("models/digits")].into_iter().chain(made).filter(|model| model.is_dir());
            let models: Vec<PathBuf> = if model.is_empty() { usual.collect() } else { model.clone() };
            command.arg("graphs");
            for model in models {
                let folder = absolute(&model).map_err(|error| format!("{}: {error}", model.display()))?;
                command.arg("--model").arg(folder);
            }
            &mut command
        }
        Bench::Whisper { rounds } => prepared(&mut command, "whisper", *rounds)?,
        Bench::Online { rounds } => prepared(&mut command, "online", *rounds)?,
        Bench::Python => command.arg("python"),
        Bench::Resume => command.arg("resume"),
        Bench::Webrtc => command.arg("webrtc"),
    };
    command.env("AURICLE_HOST", built.host).env("AURICLE_PLUGINS", built.plugins).env("AURICLE_MODELS", built.models);
    run(command.env("AURICLE_RUNTIME", built.runtime))
}

/// Builds in release mode and runs a server under load.
pub(crate) fn soak(minutes: f64, streams: usize) -> Done {
    let built = stage::release()?;
    let mut command = program(&built);
    command.args(["soak", "--minutes", &minutes.to_string(), "--streams", &streams.to_string()]);
    command.arg("--plot").arg(root().join("docs/soak.svg"));
    // Hundreds of workers crash.
    command.env("RUST_LOG", "off");
    // It is not in the plugin directory, because users do not need it.
    command.env("AURICLE_FAULTY", built.host.with_file_name(stage::library("faulty")));
    command.env("AURICLE_HOST", built.host).env("AURICLE_PLUGINS", built.plugins).env("AURICLE_MODELS", built.models);
    run(command.env("AURICLE_RUNTIME", built.runtime))
}

/// The program with the benchmarks, which is built with the host.
fn program(built: &stage::Built) -> Command {
    let mut command = Command::new(built.host.with_file_name("auricle-bench"));
    command.current_dir(root());
    command
}

/// A benchmark whose references and models are prepared first by `bench/whisper/prepare.py`.
fn prepared<'a>(command: &'a mut Command, name: &str, rounds: Option<usize>) -> Done<&'a mut Command> {
    run(Command::new("python3").args(["bench/whisper/prepare.py", name]).current_dir(root()))?;
    command.args([name, "--work"]).arg(target().join("bench-whisper"));
    Ok(command.args(rounds.iter().flat_map(|rounds| ["--rounds".to_owned(), rounds.to_string()])))
}
