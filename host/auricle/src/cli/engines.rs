//! `auricle engines`: lists the plugin files, with the reason where one is not registered.

use super::{
    output::{Format, fail, print, print_json},
    resources::check_resources,
};
use auricle_client::{
    Server,
    http::{RequestError, get, post},
};
use auricle_engines::plugins::{DiscoverySettings, FileReport, FileState, look_once};
use auricle_server::EnginesReport;
use std::{io, path::PathBuf, process::ExitCode};

/// List the engines of a running server or of a plugin directory; release a plugin from quarantine.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  auricle engines                                  the server on this machine
  auricle engines --url http://127.0.0.1:9000
  auricle engines --plugins target/plugins         no server needed: loads each file in a child process
  auricle engines --release libmy_engine.so

Exit status: 0 all files are in order; 1 at least one is refused or in quarantine; 2 the server or directory cannot be read.")]
pub(super) struct EnginesArgs {
    #[command(flatten)]
    server: Server,
    /// Examine this plugin directory instead of asking a server; may be given more than once
    #[arg(long, value_name = "DIR")]
    plugins: Vec<PathBuf>,
    /// Directory where engines look for models and shared runtimes; may be given more than once
    #[arg(long, value_name = "DIR", requires = "plugins")]
    resources: Vec<PathBuf>,
    /// Release this plugin file of the running server from quarantine
    #[arg(long, value_name = "FILE", conflicts_with = "plugins")]
    release: Option<String>,
    #[command(flatten)]
    format: Format,
}

/// The server or the directory cannot be read.
#[derive(Debug, thiserror::Error)]
enum EnginesError {
    /// The plugin directory, or something needed to examine it, cannot be read.
    #[error("{0}")]
    Directory(io::Error),
    #[error("{0}")]
    Resources(String),
    #[error("{url}: no plugin file with that name is in quarantine")]
    NotQuarantined { url: String },
    #[error(transparent)]
    Server(RequestError),
    #[error("{0} (--plugins DIR works without a server)")]
    Unreachable(RequestError),
}

impl From<RequestError> for EnginesError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Connect { .. } => Self::Unreachable(error),
            error => Self::Server(error),
        }
    }
}

pub(super) async fn run(args: EnginesArgs) -> ExitCode {
    if args.plugins.is_empty() {
        args.server.warn();
    }
    if let Some(file) = &args.release {
        return match release(&args.server, file).await {
            Ok(answer) => print(answer.trim_end()),
            Err(problem) => {
                fail(problem);
                ExitCode::from(2)
            }
        };
    }
    let report = if args.plugins.is_empty() {
        get(&args.server, "/v1/engines").await.map_err(EnginesError::from)
    } else {
        look(&args)
    };
    let report = match report {
        Ok(report) => report,
        Err(problem) => {
            fail(problem);
            return ExitCode::from(2);
        }
    };
    let printed = match args.format.is_json() {
        true => print_json(&report),
        false if report.files.is_empty() => print("no plugin files"),
        false => print(&report.files.iter().map(describe).collect::<Vec<_>>().join("\n")),
    };
    let bad = |file: &FileReport| matches!(file.state, FileState::Refused | FileState::Quarantined);
    let refused = report.files.iter().any(bad);
    if refused { ExitCode::FAILURE } else { printed }
}

fn describe(file: &FileReport) -> String {
    let state = match file.state {
        FileState::Registered => "registered",
        FileState::Superseded => "superseded",
        FileState::Refused => "refused",
        FileState::Quarantined => "quarantined",
        FileState::NotAPlugin => "not a plugin",
    };
    let (plugin, version) = (file.plugin.as_deref().unwrap_or("-"), file.version.as_deref().unwrap_or("-"));
    let stages = file.stages.iter().map(|stage| format!("stage {stage}"));
    let names: Vec<_> = file.backends.iter().cloned().chain(stages).collect();
    let line = format!("{state:12}  {}  {plugin} {version}  {}", file.file, names.join(", "));
    let claims = file.claims.as_ref().map(|claims| format!("claims: {claims}"));
    [Some(line), claims, file.reason.clone()].into_iter().flatten().collect::<Vec<_>>().join("\n              ")
}

fn look(args: &EnginesArgs) -> Result<EnginesReport, EnginesError> {
    check_resources(&args.resources).map_err(EnginesError::Resources)?;
    let mut settings = DiscoverySettings::of_this_program().map_err(EnginesError::Directory)?;
    (settings.plugins, settings.resources) = (args.plugins.clone(), args.resources.clone());
    let registry = look_once(&settings).map_err(EnginesError::Directory)?;
    Ok(EnginesReport { backends: registry.backends(), files: registry.report() })
}

async fn release(server: &Server, file: &str) -> Result<String, EnginesError> {
    post(server, &format!("/v1/engines/{file}/release")).await.map_err(|error| match error {
        RequestError::Refused { url, status, .. } if status.as_u16() == 404 => EnginesError::NotQuarantined { url },
        error => error.into(),
    })
}
