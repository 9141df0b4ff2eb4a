//! `auricle presets`: lists the presets of a running server.

use super::output::{Format, fail, print, print_json};
use auricle_client::{Server, http::get};
use auricle_core::wording::count;
use auricle_server::PresetsReport;
use auricle_session::{PresetReport, PresetState};
use std::process::ExitCode;

/// List the presets of a running server that the key may use: state, name, engine, title, open streams.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
States:
  idle         the first stream loads the model
  loading      the model is being loaded
  ready        the model is loaded
  unavailable  no streams can be opened; the reason is printed below

Examples:
  auricle presets
  auricle presets --url wss://asr.example --key KEY --json

Exit status: 0 success; 1 at least one preset is unavailable; 2 the server cannot be asked.")]
pub(super) struct PresetsArgs {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(args: PresetsArgs) -> ExitCode {
    args.server.warn();
    let report: PresetsReport = match get(&args.server, "/v1/presets").await {
        Ok(report) => report,
        Err(problem) => {
            fail(problem);
            return ExitCode::from(2);
        }
    };
    let printed = match args.format.is_json() {
        true => print_json(&report),
        false if report.presets.is_empty() => print("no presets"),
        false => print(&report.presets.iter().map(describe).collect::<Vec<_>>().join("\n")),
    };
    let unavailable = report.presets.iter().any(|preset| preset.state == PresetState::Unavailable);
    if unavailable { ExitCode::FAILURE } else { printed }
}

fn describe(preset: &PresetReport) -> String {
    let PresetReport { name, title, backend, state, reason, streams, .. } = preset;
    let state = match state {
        PresetState::Idle => "idle",
        PresetState::Loading => "loading",
        PresetState::Ready => "ready",
        PresetState::Unavailable => "unavailable",
    };
    let backend = if backend.is_empty() { "-" } else { backend };
    let mut line = format!("{state:11}  {name}  {backend}");
    if *streams > 0 {
        line.push_str(&format!("  {}", count(*streams, "stream")));
    }
    if !title.is_empty() {
        line.push_str(&format!("  {title}"));
    }
    match reason {
        None => line,
        Some(reason) => format!("{line}\n             {reason}"),
    }
}
