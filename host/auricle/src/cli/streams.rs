//! `auricle streams`: lists the open streams of a running server, or ends one.

use super::output::{Format, fail, print, print_json};
use auricle_client::{
    Server,
    http::{RequestError, get, post},
};
use auricle_core::Pace;
use auricle_server::StreamsReport;
use auricle_session::StreamReport;
use std::process::ExitCode;

/// List the open streams of a running server, oldest first, or end one; requires an operator's key if the server has keys.
///
/// Each line: id, preset, engine, name of the key, address, pace, time since the start, audio received, lag.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  auricle streams
  auricle streams --url wss://asr.example --key KEY --json
  auricle streams --end 0f6e2c5d5b1f4a0c8f3b7e9d2a41c6e8      after its last words; the client gets `ended_by_operator`

Exit status: 0 success; 2 the server cannot be asked, or has no such stream.")]
pub(super) struct StreamsArgs {
    #[command(flatten)]
    server: Server,
    /// End the stream with this id
    #[arg(long, value_name = "ID")]
    end: Option<String>,
    #[command(flatten)]
    format: Format,
}

/// The stream was not ended.
#[derive(Debug, thiserror::Error)]
enum EndError {
    #[error("{url}: no stream with that id is open")]
    NotOpen { url: String },
    #[error(transparent)]
    Server(RequestError),
}

pub(super) async fn run(args: StreamsArgs) -> ExitCode {
    args.server.warn();
    if let Some(id) = &args.end {
        return match end(&args.server, id).await {
            Ok(answer) => print(answer.trim_end()),
            Err(problem) => {
                fail(problem);
                ExitCode::from(2)
            }
        };
    }
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

async fn end(server: &Server, id: &str) -> Result<String, EndError> {
    post(server, &format!("/v1/streams/{id}/end")).await.map_err(|error| match error {
        RequestError::Refused { url, status, .. } if status.as_u16() == 404 => EndError::NotOpen { url },
        error => EndError::Server(error),
    })
}

fn describe(report: &StreamReport) -> String {
    let StreamReport {
        stream,
        preset,
        backend,
        key,
        address,
        pace,
        channels,
        open_seconds,
        audio_seconds,
        lag_seconds,
        waiting,
    } = report;
    let key = key.as_deref().unwrap_or("-");
    let pace = match pace {
        Pace::Live => "live",
        Pace::File => "file",
    };
    let waiting = if *waiting { ", waits for its client" } else { "" };
    let channels = if *channels > 1 { format!(", {channels} channels") } else { String::new() };
    format!(
        "{stream}  {preset}  {backend}  {key}  {address}  {pace}  open {open_seconds:.0} s, audio {audio_seconds:.1} s, lag \
         {lag_seconds:.1} s{channels}{waiting}"
    )
}
