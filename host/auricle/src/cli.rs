//! The command line.

mod bench;
mod check;
mod configuration;
mod convert;
mod engine_args;
mod engines;
mod evaluate;
mod jobs;
mod key;
mod logging;
mod new;
mod output;
mod plugin;
mod preset_file;
mod presets;
mod probe;
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
use auricle_engines::{plugins::probe_child, worker};
use auricle_server::settings::Role;
use clap::{CommandFactory, Parser, Subcommand};
use output::{fail, with_runtime};
use std::{path::PathBuf, process::ExitCode};

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
    Front(serve::FrontArgs),
    Engine(serve::EngineArgs),
    Check(check::CheckArgs),
    Stream(client::StreamArgs),
    Bench(bench::BenchArgs),
    Evaluate(evaluate::EvaluateArgs),
    Submit(jobs::SubmitArgs),
    Work(jobs::WorkArgs),
    Jobs(jobs::JobsArgs),
    Presets(presets::PresetsArgs),
    Streams(streams::StreamsArgs),
    Engines(engines::EnginesArgs),
    New(new::NewArgs),
    Probe(probe::ProbeArgs),
    Validate(validate::ValidateArgs),
    Run(run::RunArgs),
    Plugin(plugin::PluginArgs),
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
        Command::Serve(args) => serve::run(args.server, Role::Serve),
        Command::Front(args) => serve::run(args.server, Role::Front),
        Command::Engine(args) => serve::run(args.server, Role::Engine),
        Command::Check(args) => check::run(&args),
        Command::Stream(args) => {
            logging::init_client();
            with_runtime(client::run(args))
        }
        Command::Bench(args) => bench::run(args),
        Command::Evaluate(args) => evaluate::run(args),
        Command::Submit(args) => with_runtime(jobs::submit(args)),
        Command::Work(args) => {
            logging::init_worker();
            with_runtime(jobs::work(args))
        }
        Command::Jobs(args) => with_runtime(jobs::list(args)),
        Command::Engines(args) => with_runtime(engines::run(args)),
        Command::New(args) => new::run(&args),
        Command::Probe(args) => probe::run(&args),
        Command::Validate(args) => validate::run(&args),
        Command::Run(args) => {
            logging::init_client();
            with_runtime(run::run(args))
        }
        Command::ValidateChild { report } => match validate::child::run(&report) {
            Ok(code) => code,
            Err(error) => fail(format_args!("cannot run the case: {error}")),
        },
        Command::Plugin(args) => plugin::run(&args),
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
