//! `auricle serve`.

use super::{
    logging::{Log, LogError, LogFormat},
    output::{fail, print, with_runtime},
};
use crate::crash;
use auricle_core::metrics::Metrics;
use auricle_engines::platform::this_program;
use auricle_server::{
    Server,
    address::ListenAddress,
    settings::{Settings, SettingsFileError},
};
use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

/// Start the server.
///
/// Engines come from the plugin directories, which are watched while the server runs; settings and presets come from the
/// configuration directory.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  auricle serve --plugins target/plugins --configs configs
  auricle serve --plugins /usr/lib/auricle/plugins --resources /usr/share/auricle --listen 127.0.0.1:9000

SIGTERM or Ctrl-C stops the server: no new streams; open streams have `timeouts.drain_seconds` to end.
SIGHUP reloads keys, certificates, presets and `log` from auricle.toml; on a terminal it stops the server.
Exit status: 0 stopped normally, 1 could not start.")]
pub(super) struct ServeArgs {
    /// Directory with plugin files and engine folders; may be given more than once
    #[arg(long, value_name = "DIR")]
    plugins: Vec<PathBuf>,
    /// Directory with auricle.toml and presets/*.json
    #[arg(long, value_name = "DIR")]
    configs: Option<PathBuf>,
    /// Directory where engines look for models and shared runtimes; may be given more than once
    #[arg(long, value_name = "DIR")]
    resources: Vec<PathBuf>,
    /// Address to listen on for all protocols, instead of the listeners in auricle.toml (default: 127.0.0.1:8770): IP:PORT,
    /// `localhost:PORT` or `unix:PATH`; port 0 selects a free port
    #[arg(long, value_name = "ADDR")]
    listen: Option<ListenAddress>,
    /// Log level (default: `log` in auricle.toml, or info): error, warn, info, debug, trace, or directives such as
    /// `info,auricle::engine=debug`
    #[arg(long, value_name = "LEVEL")]
    log: Option<String>,
    /// Format of the log
    #[arg(long, value_enum, default_value_t)]
    log_format: LogFormat,
}

/// The settings are invalid.
#[derive(Debug, thiserror::Error)]
enum ServeError {
    #[error("--configs {}: not a directory", .0.display())]
    NoDirectory(PathBuf),
    #[error(transparent)]
    Settings(#[from] SettingsFileError),
    #[error("{0}")]
    Resources(String),
    #[error("no plugin directory: use --plugins DIR, or set `plugins` in auricle.toml")]
    NoPlugins,
    #[error(transparent)]
    Log(#[from] LogError),
}

pub(super) fn run(args: ServeArgs) -> ExitCode {
    let settings = match settings(&args).and_then(check_resources) {
        Ok(settings) => settings,
        Err(problem) => return fail(problem),
    };
    let log = match Log::start(args.log.clone(), &settings.log, args.log_format) {
        Ok(log) => Arc::new(log),
        Err(problem) => return fail(problem),
    };
    let writer = log.writer.clone();
    crash::log_crashes(move || writer.drain(Duration::MAX));
    let code = with_runtime(serve(args, settings, Arc::clone(&log)));
    log.drain();
    code
}

async fn serve(args: ServeArgs, start: Settings, log: Arc<Log>) -> ExitCode {
    let kept = Arc::clone(&log);
    let served = async {
        let server = Server::bind(start, this_program()?, Arc::new(Metrics::new(log.writer.meter().clone()))).await?;
        let urls = server.urls()?;
        // One line per address, for programs that start this one: they cannot know the port that 0 picked.
        for url in &urls {
            print(&format!("listening on {url}"));
        }
        if let Some(url) = urls.iter().find(|url| url.starts_with("http")) {
            tracing::info!("streams at {}/v1/stream", url.replacen("http", "ws", 1));
        }
        server.run(move || Ok::<_, ServeError>(log.set(&settings(&args)?.log)?)).await;
        Ok::<_, std::io::Error>(())
    };
    match served.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => kept.fail(error),
    }
}

fn settings(args: &ServeArgs) -> Result<Settings, ServeError> {
    let mut settings = match &args.configs {
        Some(dir) if dir.is_dir() => Settings::read(dir)?,
        Some(dir) => return Err(ServeError::NoDirectory(dir.clone())),
        None => Settings::default(),
    };
    if !args.plugins.is_empty() {
        settings.plugins.clone_from(&args.plugins);
    }
    if !args.resources.is_empty() {
        settings.resources.clone_from(&args.resources);
    }
    if let Some(address) = &args.listen {
        settings.listen = address.clone();
        settings.listeners.clear();
    }
    if settings.plugins.is_empty() {
        return Err(ServeError::NoPlugins);
    }
    Ok(settings)
}

/// At the start only: a directory that is gone later must not prevent a reload.
fn check_resources(settings: Settings) -> Result<Settings, ServeError> {
    super::check_resources(&settings.resources).map_err(ServeError::Resources)?;
    Ok(settings)
}
