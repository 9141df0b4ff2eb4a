//! The command line.

mod bench;
mod check;
mod configuration;
mod convert;
mod engine_args;
mod engines;
mod evaluate;
mod key;
mod logging;
mod new;
mod output;
mod preset_file;
mod presets;
mod pull;
mod recording;
mod resources;
mod run;
mod serve;
mod sessions;
mod shell;
mod streams;
mod validate;

use auricle_client as client;
use auricle_engines::{
    LibraryError,
    platform::this_program,
    plugins::{PluginError, ProbeReport, digest, examine, probe_child},
    worker,
};
use clap::{CommandFactory, Parser, Subcommand};
use output::{Format, fail, print, print_json, with_runtime};
use resources::check_resources;
use std::{path::PathBuf, process::ExitCode, time::Duration};

/// Real-time speech recognition with engines loaded from shared libraries.
#[derive(Debug, Parser)]
#[command(
    name = "auricle",
    version,
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::ServeArgs),
    Check(check::CheckArgs),
    Stream(client::StreamArgs),
    Bench(bench::BenchArgs),
    Evaluate(evaluate::EvaluateArgs),
    Presets(presets::PresetsArgs),
    Streams(streams::StreamsArgs),
    Engines(engines::EnginesArgs),
    New(new::NewArgs),
    Probe(ProbeArgs),
    Validate(validate::ValidateArgs),
    Run(run::RunArgs),
    Pull(pull::PullArgs),
    Convert(convert::ConvertArgs),
    Sessions(sessions::SessionsArgs),
    Key(key::KeyArgs),
    Completions(shell::CompletionsArgs),
    Man(shell::ManArgs),
    /// Opens a plugin in this process; `probe` and `serve` start it as a child process.
    #[command(hide = true)]
    ProbeChild(ProbeChildArgs),
    /// Runs one case in this process; `validate` starts it as a child process.
    #[command(hide = true)]
    ValidateChild {
        #[arg(long)]
        report: PathBuf,
    },
    /// Serves one model in a worker process; `serve` starts it with a socket as standard input.
    #[command(hide = true)]
    Worker {
        #[arg(long)]
        lanes: usize,
    },
}

/// Open a plugin file or engine folder in a child process and report what it is, or why it is refused.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  auricle probe target/release/libmy_engine.so\n\nExit status: 0 the plugin can be loaded, 1 it cannot."
)]
struct ProbeArgs {
    /// A shared library, or an engine folder NAME.engine
    file: PathBuf,
    #[command(flatten)]
    format: Format,
    /// Directory where engines look for models and shared runtimes; may be given more than once
    #[arg(long, value_name = "DIR")]
    resources: Vec<PathBuf>,
    /// Time limit for opening the plugin, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    timeout: f64,
}

#[derive(Debug, clap::Args)]
struct ProbeChildArgs {
    file: PathBuf,
    #[arg(long)]
    report: PathBuf,
    #[arg(long)]
    resources: Vec<PathBuf>,
    #[arg(long)]
    files: bool,
}

/// Parses the command line and runs the command.
pub(crate) fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Serve(args) => serve::run(args),
        Command::Check(args) => check::run(&args),
        Command::Stream(args) => {
            logging::init_client();
            with_runtime(client::run(args))
        }
        Command::Bench(args) => bench::run(args),
        Command::Evaluate(args) => evaluate::run(args),
        Command::Engines(args) => with_runtime(engines::run(args)),
        Command::New(args) => new::run(&args),
        Command::Probe(args) => probe(&args),
        Command::Validate(args) => validate::run(&args),
        Command::Run(args) => {
            logging::init_client();
            with_runtime(run::run(args))
        }
        Command::ValidateChild { report } => match validate::child::run(&report) {
            Ok(code) => code,
            Err(error) => fail(format_args!("cannot run the case: {error}")),
        },
        Command::Pull(args) => pull::run(&args),
        Command::Convert(args) => convert::run(&args),
        Command::Sessions(args) => sessions::run(&args),
        Command::Worker { lanes } => worker::child_main(lanes),
        Command::Key(args) => key::run(&args),
        Command::Presets(args) => with_runtime(presets::run(args)),
        Command::Streams(args) => with_runtime(streams::run(args)),
        Command::Completions(args) => shell::completions(&args, &Cli::command()),
        Command::Man(args) => shell::man(&args, Cli::command()),
        Command::ProbeChild(args) => match probe_child(&args.file, &args.resources, &args.report, args.files) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => fail(format_args!("cannot write the report: {error}")),
        },
    }
}

fn probe(args: &ProbeArgs) -> ExitCode {
    if let Err(problem) = check_resources(&args.resources) {
        return fail(problem);
    }
    let Ok(limit) = Duration::try_from_secs_f64(args.timeout) else {
        return fail("--timeout must be a number of seconds");
    };
    let limit = limit.max(Duration::from_millis(1));
    let program = match this_program() {
        Ok(program) => program,
        Err(error) => return fail(error),
    };
    let report = match examine(&program, &args.file, &args.resources, limit) {
        Ok(report) => report,
        Err(PluginError::Library(LibraryError::NotAPlugin)) => {
            return fail(format_args!("{}: not an Auricle plugin", args.file.display()));
        }
        Err(problem) => return fail(format_args!("{}: {problem}", args.file.display())),
    };
    if args.format.is_json() {
        return print_json(&report);
    }
    let ProbeReport { id, version, description, api, target, .. } = &report;
    let mut lines = vec![format!("{id} {version} - {description}"), format!("  plugin API {api}, {target}")];
    if let Ok(digest) = digest(&args.file) {
        lines.push(format!("  SHA-256 {digest}"));
    }
    for engine in &report.engines {
        lines.push(format!("  engine {}", engine.backend));
        let fields = engine.schema.get("properties").and_then(serde_json::Value::as_object);
        for (name, field) in fields.into_iter().flatten() {
            let text = |key: &str| field.get(key).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
            let default = field.get("default").map_or_else(String::new, |value| format!(" = {value}"));
            let (kind, scope, description) = (text("type"), text("x-auricle-scope"), text("description"));
            lines.push(format!("    {name}: {kind}{default} ({scope}) {description}"));
        }
    }
    print(&lines.join("\n"))
}
