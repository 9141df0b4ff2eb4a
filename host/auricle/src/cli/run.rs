//! `auricle run`: transcribes a recording with an engine, without a server.
//!
//! The parts are the server's own: the engine runs in a worker process, the recording goes through a stream. One task
//! reads and sends, another prints.

mod output;

use super::{
    engine_args::{Chosen, EngineArgs},
    output::fail,
};
use auricle_audio::Intake;
use auricle_client::source::{Piece, Source};
use auricle_core::{Pace, metrics::Metrics, times::wait};
use auricle_engines::{
    Isolation, LoadSpec,
    platform::this_program,
    plugins::{DiscoverySettings, Engine, FileState, look_once, open_plugin},
    worker::CrashReports,
};
use auricle_plugin_api::Scope;
use auricle_server::{settings::Settings, stream_settings};
use auricle_stream::{ModelScheduler, SchedulerSettings, Stream, StreamSettings, StreamUsage};
use clap::ValueEnum;
use output::Output;
use std::{env, path::PathBuf, process::ExitCode, sync::Arc, time::Instant};

const MORE: &str = "\
The engine runs as in the server: in a worker process and its sandbox, with the recording at its rate and in its chunks. The
text goes to standard output, everything else to standard error.

Examples:
  auricle run target/debug/libmy_engine.so speech.wav
  auricle run libmy_engine.so speech.wav --set model=small --resources models --format srt > speech.srt
  auricle run configs/presets/digits.json fixtures/digits.wav --plugins target/plugins --resources models --resources target/runtime

Exit codes:
  0  everything was transcribed
  1  standard output cannot be written
  2  the command line is wrong
  3  the recording cannot be read
  4  the engine cannot be loaded, or it failed";

/// Transcribe a recording with an engine, without a server.
#[derive(Debug, clap::Args)]
#[command(after_long_help = MORE)]
pub(super) struct RunArgs {
    /// A plugin file or engine folder; with --plugins a preset file
    #[arg(value_name = "ENGINE")]
    file: PathBuf,
    /// A recording, in any format that `auricle stream` reads
    #[arg(value_name = "RECORDING")]
    recording: PathBuf,
    #[command(flatten)]
    engine: EngineArgs,
    /// Directory with plugin files, in which the preset's engine is searched; may be given more than once
    #[arg(long, value_name = "DIR")]
    plugins: Vec<PathBuf>,
    /// Format of the text
    #[arg(long, value_enum, default_value_t)]
    format: RunFormat,
    /// Print partial text too: on standard error, as `jsonl` on standard output
    #[arg(long)]
    show_partials: bool,
    /// Print the length of the audio and the time that the engine took, on standard error
    #[arg(long)]
    cost: bool,
    /// Run the engine in this process, for a debugger
    #[arg(long)]
    in_process: bool,
}

/// A format of the text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum RunFormat {
    /// The text of each segment, one per line
    #[default]
    Text,
    /// An object for each segment, with times in seconds
    Jsonl,
    /// SubRip
    Srt,
    /// WebVTT
    Vtt,
}

/// Why nothing, or not all, was transcribed.
#[derive(Debug)]
enum RunError {
    CommandLine(String),
    Recording(String),
    Engine(String),
    Output(std::io::Error),
}

pub(super) async fn run(args: RunArgs) -> ExitCode {
    match transcribe(&args).await {
        Ok(()) => ExitCode::SUCCESS,
        // A closed pipe is not an error.
        Err(RunError::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            let (code, message) = match error {
                RunError::Output(error) => (1, format!("cannot write the output: {error}")),
                RunError::CommandLine(message) => (2, message),
                RunError::Recording(message) => (3, message),
                RunError::Engine(message) => (4, message),
            };
            fail(message);
            ExitCode::from(code)
        }
    }
}

async fn transcribe(args: &RunArgs) -> Result<(), RunError> {
    let preset = (!args.plugins.is_empty()).then_some(args.file.as_path());
    let chosen = args.engine.choose_with(preset).map_err(RunError::CommandLine)?;
    let mut source = Source::open(&args.recording, Default::default())
        .await
        .map_err(|error| RunError::Recording(error.to_string()))?;
    let (engine, fields) = (find(args, &chosen)?, chosen.fields.clone());
    engine.check(&fields).map_err(|problem| RunError::Engine(problem.to_string()))?;
    let settings = Settings::default();
    let mute_seconds = chosen.host.mute_seconds;
    let scheduler = load(args, &settings, engine, chosen).await?;
    let rate = scheduler.metadata().sample_rate;
    let mut intake = Intake::new(source.format(), rate).map_err(|error| RunError::Recording(error.to_string()))?;
    let usage = Arc::new(StreamUsage::default());
    let options = StreamSettings { pace: Pace::File, mute_seconds, ..stream_settings(&settings) };
    let stream = Stream::open("run".into(), Arc::clone(&scheduler), (), fields, options, Arc::clone(&usage));
    let begun = Instant::now();
    let mut output = Output::new(args.format, rate, args.show_partials);
    let feed = async {
        let mut samples = Vec::new();
        let fed = loop {
            match source.next().await {
                None => break Ok(()),
                Some(Err(error)) => break Err(error.to_string()),
                Some(Ok(Piece::Audio(bytes))) => {
                    stream.room().await;
                    intake.push(&bytes, &mut samples);
                    stream.push(&samples, Instant::now());
                    samples.clear();
                }
                Some(Ok(Piece::Damage(text) | Piece::Warning(text))) => output::notice(&text),
            }
        };
        intake.finish(&mut samples);
        stream.push(&samples, Instant::now());
        stream.finish();
        fed
    };
    let mut fed = Ok(());
    let samples = {
        let print = output.print(&stream);
        tokio::pin!(feed, print);
        let mut feeding = true;
        // When the engine has failed or nobody reads the text, the rest of the recording is not needed.
        loop {
            tokio::select! {
                result = &mut feed, if feeding => (fed, feeding) = (result, false),
                printed = &mut print => break printed?,
            }
        }
    };
    if args.cost {
        let (audio, engine) = (samples as f64 / f64::from(rate), usage.engine_time().as_secs_f64());
        let (all, ratio) = (begun.elapsed().as_secs_f64(), engine / audio.max(f64::MIN_POSITIVE));
        output::notice(&format!(
            "{audio:.1} s of audio in {all:.2} s; the engine took {engine:.2} s, {ratio:.4} s per second"
        ));
    }
    fed.map_err(RunError::Recording)
}

/// Opens the plugin, or the one in the plugin directories that serves the preset.
fn find(args: &RunArgs, chosen: &Chosen) -> Result<Arc<Engine>, RunError> {
    let program = this_program().map_err(|error| RunError::Engine(error.to_string()))?;
    let resource_dirs = args.engine.resource_dirs().map_err(RunError::CommandLine)?;
    let file = match &chosen.backend {
        Some(backend) if !args.plugins.is_empty() => registered(args, &resource_dirs, backend)?,
        _ => args.file.clone(),
    };
    let named = |problem: &dyn std::fmt::Display| RunError::Engine(format!("{}: {problem}", file.display()));
    let path = file.canonicalize().map_err(|error| named(&error))?;
    let limit = wait(Settings::default().timeouts.probe_seconds);
    let plugin = open_plugin(&program, &path, &resource_dirs, limit).map_err(|problem| named(&problem))?;
    let names: Vec<_> = plugin.engines.iter().map(|engine| engine.backend()).collect();
    let found = match &chosen.backend {
        Some(backend) => plugin.engines.iter().find(|engine| engine.backend() == backend),
        None => plugin.engines.first().filter(|_| names.len() == 1),
    };
    found.cloned().ok_or_else(|| named(&format!("choose one of its engines with --backend: {}", names.join(", "))))
}

/// The plugin file in the directories that serves this backend on a server.
fn registered(args: &RunArgs, resource_dirs: &[PathBuf], backend: &str) -> Result<PathBuf, RunError> {
    let cannot = |error: std::io::Error| RunError::CommandLine(error.to_string());
    let mut settings = DiscoverySettings::of_this_program().map_err(cannot)?;
    (settings.plugins, settings.resources) = (args.plugins.clone(), resource_dirs.to_vec());
    let registry = look_once(&settings).map_err(cannot)?;
    let serves = |name: &String| name == backend;
    let files = registry.report().into_iter();
    let mut files = files.filter(|file| file.state == FileState::Registered && file.backends.iter().any(serves));
    let place = |name: &str| args.plugins.iter().map(|dir| dir.join(name)).find(|path: &PathBuf| path.exists());
    files.find_map(|file| place(&file.file)).ok_or_else(|| {
        let known = registry.backends().join(", ");
        RunError::Engine(format!("no plugin in the directories has the engine `{backend}`; they have: {known}"))
    })
}

async fn load(
    args: &RunArgs,
    settings: &Settings,
    engine: Arc<Engine>,
    Chosen { fields, host, .. }: Chosen,
) -> Result<Arc<ModelScheduler>, RunError> {
    let program = this_program().map_err(|error| RunError::Engine(error.to_string()))?;
    let metrics = Arc::new(Metrics::default());
    let timeouts = &settings.timeouts;
    let call_limit = wait(host.call_seconds.unwrap_or(timeouts.call_seconds));
    if let Some(field) = host.needs_worker().filter(|_| args.in_process) {
        let problem = format!("--in-process: the preset has `host.{field}`, which needs a worker process");
        return Err(RunError::CommandLine(format!("{problem}; remove one of the two")));
    }
    let isolation = if args.in_process { Isolation::InProcess } else { host.isolation.unwrap_or(Isolation::UNTRUSTED) };
    let is_load = |name: &String| engine.schema().scope(name) != Some(Scope::Stream);
    let spec = LoadSpec {
        preset: "run".into(),
        fields: fields.into_iter().filter(|(name, _)| is_load(name)).collect(),
        isolation,
        program,
        lanes: 1,
        call_limit,
        load_limit: wait(timeouts.load_seconds),
        memory_limit: host.memory_mb.map(|mebibytes| mebibytes << 20),
        sandbox: host.sandbox,
        voice_gate: host.voice_gate,
        reports: Arc::new(CrashReports::new(crash_dir(), settings.limits.max_crash_reports)),
        metrics: Arc::clone(&metrics),
    };
    let scheduling = SchedulerSettings {
        files: String::new(),
        name: "run".into(),
        engine: engine.backend().to_owned(),
        concurrency: 1,
        call_limit,
        max_call_timeouts: 1,
        max_streams: usize::MAX,
        max_dedicated_workers: 1,
    };
    let loading = tokio::task::spawn_blocking(move || engine.load(spec, &[]));
    let model = loading.await.map_err(|error| RunError::Engine(error.to_string()))?;
    let model = model.map_err(|problem| RunError::Engine(format!("the model cannot be loaded: {problem}")))?;
    ModelScheduler::start(model, scheduling, &metrics).map_err(|error| RunError::Engine(error.to_string()))
}

fn crash_dir() -> PathBuf {
    env::temp_dir().join("auricle-crashes")
}
