//! `auricle serve`, `auricle front` and `auricle engine`.

use super::{
    configuration::{ConfigurationArgs, ConfigurationError},
    logging::{Log, LogError, LogFormat},
    output::{fail, print, with_runtime},
    resources::check_resources,
};
use crate::crash;
use auricle_core::metrics::Metrics;
use auricle_engines::platform::this_program;
use auricle_server::{
    Server,
    settings::{Role, Settings},
};
use std::{process::ExitCode, sync::Arc, time::Duration};

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
    #[command(flatten)]
    pub(super) server: ServerArgs,
}

/// Start a front: a server whose engines are on other machines.
///
/// It has the clients, and all protocols. Engines and presets are on the engine hosts in `[cluster]` of auricle.toml.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  auricle front --configs configs

auricle.toml needs `engines` and `key` under [cluster]; docs/scaling.md has a whole one. Signals are those of `auricle serve`.
Exit status: 0 stopped normally, 1 could not start.")]
pub(super) struct FrontArgs {
    #[command(flatten)]
    pub(super) server: ServerArgs,
}

/// Start an engine host: it has engines, and serves fronts.
///
/// Engines, settings and presets are as for `auricle serve`. Fronts connect at `listen` in `[cluster]` of auricle.toml; other
/// clients are not served.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  auricle engine --plugins target/plugins --configs configs

auricle.toml needs `listen` and `key` under [cluster]; docs/scaling.md has a whole one. Signals are those of `auricle serve`.
Exit status: 0 stopped normally, 1 could not start.")]
pub(super) struct EngineArgs {
    #[command(flatten)]
    pub(super) server: ServerArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct ServerArgs {
    #[command(flatten)]
    configuration: ConfigurationArgs,
    /// Log level (default: `log` in auricle.toml, or info): error, warn, info, debug, trace, or directives such as
    /// `info,auricle::engine=debug`
    #[arg(long, value_name = "LEVEL")]
    log: Option<String>,
    /// Format of the log
    #[arg(long, value_enum, default_value_t)]
    log_format: LogFormat,
}

/// The settings cannot be read again.
#[derive(Debug, thiserror::Error)]
enum RereadError {
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    #[error(transparent)]
    Log(#[from] LogError),
}

pub(super) fn run(args: ServerArgs, role: Role) -> ExitCode {
    let settings = match args.configuration.read(role) {
        Ok(settings) => settings,
        Err(problem) => return fail(problem),
    };
    // Only at the start: a directory that is removed later must not prevent a reload.
    if let Err(problem) = check_resources(&settings.resources) {
        return fail(problem);
    }
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

async fn serve(args: ServerArgs, start: Settings, log: Arc<Log>) -> ExitCode {
    let (kept, role) = (Arc::clone(&log), start.role);
    let served = async {
        let server = Server::bind(start, this_program()?, Arc::new(Metrics::new(log.writer.meter().clone()))).await?;
        let urls = server.urls()?;
        // One line per address, for programs that start this one: they cannot know the port that 0 picked.
        for url in &urls {
            print(&format!("listening on {url}"));
        }
        if let Some(page) = server.page()? {
            print(&format!("open {page} in a browser to try it"));
        }
        if role != Role::Engine
            && let Some(url) = urls.iter().find(|url| url.starts_with("http"))
        {
            tracing::info!("streams at {}/v1/stream", url.replacen("http", "ws", 1));
        }
        server.run(move || Ok::<_, RereadError>(log.set(&args.configuration.read(role)?.log)?)).await;
        Ok::<_, std::io::Error>(())
    };
    match served.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => kept.fail(error),
    }
}
