//! `auricle streams`: lists the open streams of a running server.

use super::output::{Format, fail, print, print_json};
use auricle_client::{Server, http::get};
use auricle_core::Pace;
use auricle_server::StreamsReport;
use auricle_session::StreamReport;
use std::process::ExitCode;

/// List the open streams of a running server, oldest first; requires an operator's key if the server has keys.
///
/// Each line: id, preset, engine, name of the key, address, pace, time since the start, audio received, lag.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  auricle streams
  auricle streams --url wss://asr.example --key KEY --json

Exit status: 0 success; 2 the server cannot be asked.")]
pub(super) struct StreamsArgs {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(args: StreamsArgs) -> ExitCode {
    args.server.warn();
    let report: StreamsReport = match get(&args.server, "/v1/streams").await {
        Ok(report) => report,
        Err(problem) => {
            fail(problem);
            return ExitCode::from(2);
        }
    };
    match args.format.is_json() {
        true => print_json(&report),
        false if report.streams.is_empty() => print("no open streams"),
        false => print(&report.streams.iter().map(describe).collect::<Vec<_>>().join("\n")),
    }
}

fn describe(report: &StreamReport) -> String {
    let StreamReport { stream, preset, backend, key, address, pace, open_seconds, audio_seconds, lag_seconds } = report;
    let key = key.as_deref().unwrap_or("-");
    let pace = match pace {
        Pace::Live => "live",
        Pace::File => "file",
    };
    format!(
        "{stream}  {preset}  {backend}  {key}  {address}  {pace}  open {open_seconds:.0} s, audio {audio_seconds:.1} s, lag \
         {lag_seconds:.1} s"
    )
}
