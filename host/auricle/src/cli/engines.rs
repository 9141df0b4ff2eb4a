//! `auricle engines`: lists the plugin files, with the reason where one is not registered.

use super::output::{Format, fail, print, print_json};
use auricle_core::text_file;
use auricle_engines::plugins::{DiscoverySettings, FileReport, FileState, look_once};
use auricle_server::EnginesReport;
use std::{io, path::PathBuf, process::ExitCode, time::Duration};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

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
    /// Address of the running server
    #[arg(long, default_value = "http://127.0.0.1:8770", conflicts_with = "plugins")]
    url: String,
    /// An operator's API key, if the server requires one
    #[arg(long, env = "AURICLE_KEY", hide_env_values = true, value_name = "KEY", conflicts_with = "plugins")]
    key: Option<String>,
    /// Trust the certificate authorities in this file (PEM) instead of the public ones
    #[arg(long, env = "AURICLE_CA", value_name = "FILE", conflicts_with = "plugins")]
    ca: Option<PathBuf>,
    /// Examine this plugin directory instead of a server; may be given more than once
    #[arg(long, value_name = "DIR")]
    plugins: Vec<PathBuf>,
    /// Directory where engines look for models and shared runtimes; may be given more than once
    #[arg(long, value_name = "DIR", requires = "plugins")]
    resources: Vec<PathBuf>,
    /// Release this plugin file of the running server from quarantine
    #[arg(long, value_name = "FILE", conflicts_with = "plugins")]
    release: Option<String>,
    /// Format of the list
    #[arg(long, value_enum, default_value_t)]
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
    #[error("--ca {}: {error}", .file.display())]
    AuthoritiesFile { file: PathBuf, error: io::Error },
    #[error("--ca {}: {error}", .file.display())]
    Authorities { file: PathBuf, error: ureq::Error },
    #[error("{url}: the server requires an operator's key: use --key")]
    Key { url: String },
    #[error("{url}: no plugin file with that name is in quarantine")]
    NotQuarantined { url: String },
    #[error("{url}: {error}; is the server running there? (--plugins DIR works without a server)")]
    Server { url: String, error: ureq::Error },
    #[error("{url}: not a response of an Auricle server: {error}")]
    Answer { url: String, error: serde_json::Error },
}

pub(super) fn run(args: &EnginesArgs) -> ExitCode {
    if let Some(file) = &args.release {
        return match release(args, file) {
            Ok(answer) => print(answer.trim_end()),
            Err(problem) => {
                fail(problem);
                ExitCode::from(2)
            }
        };
    }
    let report = if args.plugins.is_empty() { ask(args) } else { look(args) };
    let report = match report {
        Ok(report) => report,
        Err(problem) => {
            fail(problem);
            return ExitCode::from(2);
        }
    };
    let printed = match args.format {
        Format::Json => print_json(&report),
        Format::Text if report.files.is_empty() => print("no plugin files"),
        Format::Text => print(&report.files.iter().map(describe).collect::<Vec<_>>().join("\n")),
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
    };
    let (plugin, version) = (file.plugin.as_deref().unwrap_or("-"), file.version.as_deref().unwrap_or("-"));
    let line = format!("{state:11}  {}  {plugin} {version}  {}", file.file, file.backends.join(", "));
    match &file.reason {
        None => line,
        Some(reason) => format!("{line}\n             {reason}"),
    }
}

fn look(args: &EnginesArgs) -> Result<EnginesReport, EnginesError> {
    super::check_resources(&args.resources).map_err(EnginesError::Resources)?;
    let mut settings = DiscoverySettings::of_this_program().map_err(EnginesError::Directory)?;
    (settings.plugins, settings.resources) = (args.plugins.clone(), args.resources.clone());
    let files = look_once(&settings).map_err(EnginesError::Directory)?;
    let mut backends: Vec<_> = files.iter().flat_map(|file| file.backends.clone()).collect();
    backends.sort();
    Ok(EnginesReport { backends, files })
}

fn ask(args: &EnginesArgs) -> Result<EnginesReport, EnginesError> {
    let url = format!("{}/v1/engines", args.url.trim_end_matches('/'));
    let text = read(&url, shown(agent(args)?.get(&url), args).call())?;
    serde_json::from_str(&text).map_err(|error| EnginesError::Answer { url, error })
}

fn release(args: &EnginesArgs, file: &str) -> Result<String, EnginesError> {
    let url = format!("{}/v1/engines/{file}/release", args.url.trim_end_matches('/'));
    match shown(agent(args)?.post(&url), args).send_empty() {
        Err(ureq::Error::StatusCode(404)) => Err(EnginesError::NotQuarantined { url }),
        answer => read(&url, answer),
    }
}

/// Creates the HTTP client. With `--ca` it trusts only the certificates in that file.
fn agent(args: &EnginesArgs) -> Result<ureq::Agent, EnginesError> {
    let mut tls = TlsConfig::builder();
    if let Some(file) = &args.ca {
        let pem =
            text_file::read_bytes(file).map_err(|error| EnginesError::AuthoritiesFile { file: file.clone(), error })?;
        let mut authorities = Vec::new();
        for item in parse_pem(&pem) {
            if let PemItem::Certificate(certificate) =
                item.map_err(|error| EnginesError::Authorities { file: file.clone(), error })?
            {
                authorities.push(certificate);
            }
        }
        tls = tls.root_certs(RootCerts::new_with_certs(&authorities));
    }
    let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(10)));
    Ok(config.tls_config(tls.build()).build().into())
}

/// Adds the API key to the request.
fn shown<B>(request: ureq::RequestBuilder<B>, args: &EnginesArgs) -> ureq::RequestBuilder<B> {
    match &args.key {
        Some(key) => request.header("Authorization", format!("Bearer {key}")),
        None => request,
    }
}

fn read(url: &str, answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<String, EnginesError> {
    let url = url.to_owned();
    let text = answer.and_then(|mut answer| answer.body_mut().read_to_string());
    text.map_err(|error| match error {
        ureq::Error::StatusCode(401 | 403) => EnginesError::Key { url },
        error => EnginesError::Server { url, error },
    })
}
