//! The benchmarks. Each measures Auricle and its reference in the same run.

use crate::{
    fetch,
    run::{Done, root, run, target},
    stage,
};
use clap::Subcommand;
use std::{
    io,
    path::{Path, PathBuf, absolute},
    process::{Command, Stdio},
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
    /// Streams through a front and an engine host, compared with one server: processor time, delay
    Front,
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
    /// Live streams of Whisper tiny.en, compared with WhisperLive, WhisperLiveKit and whisper_streaming's policy (PyPI, 6 GB in an
    /// environment under target/) with the same weights: streams that are followed at a delay. Takes an hour
    Live {
        /// Folder of recordings of English: WAV files of 16 kHz, one channel, with a text file next to each
        #[arg(long, value_name = "DIR")]
        audio: PathBuf,
        /// Only this server: whisper-live, whisper-live-kit-alignatt, whisper-live-kit-agreement, whisper-streaming
        #[arg(long, value_name = "NAME")]
        server: Option<String>,
    },
    /// Engine `python`, compared with the same classes in plain Python (packages from PyPI, in an environment under
    /// target/): processor time per chunk
    Python,
    /// The stages that come with Auricle, alone and with 100 streams: processor time per second of audio
    Chain,
    /// Time from the end of speech to the final text with Whisper tiny.en (a Python environment as for `live`). Takes an hour
    Ttfs {
        /// Folder of recordings of English, as for `live`
        #[arg(long, value_name = "DIR")]
        audio: PathBuf,
        /// Number of utterances [default: 200]
        #[arg(long, value_name = "N")]
        utterances: Option<usize>,
        /// Number of streams, after a run with one [default: 4]
        #[arg(long, value_name = "N")]
        streams: Option<usize>,
    },
    /// The presets of the repository with and without a voice gate: invented words, first words, wrong words, processor time.
    /// Takes an hour
    Gate {
        /// Folder of recordings of English, as for `live`
        #[arg(long, value_name = "DIR")]
        audio: PathBuf,
        /// Folder of the Free Spoken Digit Dataset, for the preset `digits` [default: the recording in fixtures]
        #[arg(long, value_name = "DIR")]
        digits: Option<PathBuf>,
    },
    /// The stages that find turns, on ten streams of real speech with pauses: delay of the ends of turns, early ends and misses.
    /// Takes a quarter of an hour
    Turns {
        /// Folder of recordings of English, as for `live`
        #[arg(long, value_name = "DIR")]
        audio: PathBuf,
    },
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
        Bench::Front => command.arg("front"),
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
        Bench::Live { audio, server } => {
            let only = server.iter().flat_map(|server| ["--server".to_owned(), server.clone()]);
            live(command.arg("live"), audio, &built.host)?.args(only)
        }
        Bench::Python => command.arg("python"),
        Bench::Chain => command.arg("chain"),
        Bench::Ttfs { audio, utterances, streams } => {
            live(command.arg("ttfs"), audio, &built.host)?;
            let options = [("--utterances", utterances), ("--streams", streams)];
            let given =
                options.iter().filter_map(|(name, number)| Some([(*name).to_owned(), number.as_ref()?.to_string()]));
            command.args(given.flatten())
        }
        Bench::Gate { audio, digits } => {
            // An engine says nothing for minutes where nobody speaks.
            command.env("AURICLE_TEST_LIMIT_SECONDS", "3600").arg("gate");
            for (option, folder) in [("--audio", Some(audio)), ("--digits", digits.as_ref())] {
                if let Some(folder) = folder {
                    let folder = absolute(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
                    command.arg(option).arg(folder);
                }
            }
            &mut command
        }
        Bench::Turns { audio } => {
            let folder = absolute(audio).map_err(|error| format!("{}: {error}", audio.display()))?;
            command.args(["turns", "--audio"]).arg(folder)
        }
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

/// Makes the streams, the utterances and the weights for each server, for `live` and `ttfs`.
fn live<'a>(command: &'a mut Command, audio: &Path, host: &Path) -> Done<&'a mut Command> {
    let work = target().join("bench-live");
    let weights = fetch::whisper()?;
    run(Command::new(host).arg("convert").arg(&weights).arg("--out").arg(work.join("tiny.en")).stdout(Stdio::null()))?;
    let failed = |error: io::Error| format!("{}: {error}", audio.display());
    let files: io::Result<Vec<_>> = audio.read_dir().map_err(failed)?.map(|entry| Ok(entry?.path())).collect();
    let said =
        |file: &PathBuf| file.extension().is_some_and(|kind| kind == "wav") && file.with_extension("txt").is_file();
    let recordings: Vec<_> = files.map_err(failed)?.into_iter().filter(said).collect();
    if recordings.is_empty() {
        return Err(format!("{} has no WAV file with a text file next to it", audio.display()));
    }
    run(Command::new("python3").arg(root().join("bench/live/prepare.py")).arg(weights).arg(&work).args(recordings))?;
    Ok(command.arg("--work").arg(work))
}

/// A benchmark whose references and models are prepared first by `bench/whisper/prepare.py`.
fn prepared<'a>(command: &'a mut Command, name: &str, rounds: Option<usize>) -> Done<&'a mut Command> {
    run(Command::new("python3").args(["bench/whisper/prepare.py", name]).current_dir(root()))?;
    command.args([name, "--work"]).arg(target().join("bench-whisper"));
    Ok(command.args(rounds.iter().flat_map(|rounds| ["--rounds".to_owned(), rounds.to_string()])))
}
