//! The log's destination, format and filter. It goes to standard error, as text or as JSON lines.

use crate::log::LogWriter;
use auricle_core::log::describe_panic;
use clap::ValueEnum;
use std::{
    fmt::Display,
    io::{self, IsTerminal, Write},
    process::ExitCode,
    time::{Duration, SystemTime},
};
use tracing::Level;
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::ParseError,
    fmt,
    layer::SubscriberExt,
    registry, reload,
    util::{SubscriberInitExt, TryInitError},
};

/// The libraries of WebRTC write a line about each packet that they cannot read, and anybody can send such packets. Directives
/// that name a library replace these. (`is::` is the crate `is`: a directive is the beginning of targets.)
const QUIET: &str = "str0m=off,dimpl=off,sctp_proto=off,is::=off";

/// What the log of a client has, unless it is asked for more.
const CLIENT: &str = "warn,symphonia=off";
/// What that of `auricle work` has.
const WORKER: &str = "info,symphonia=off,async_nats=warn";

/// Time limit for writing the remaining lines when the server stops.
const DRAIN: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// Plain text
    #[default]
    Text,
    /// One JSON object per line
    Json,
}

/// The log cannot be started, or its filter cannot be changed.
#[derive(Debug, thiserror::Error)]
pub(super) enum LogError {
    #[error("{name} {directives}: {error}")]
    Directives { name: &'static str, directives: String, error: ParseError },
    #[error("cannot start the log: {0}")]
    Writer(io::Error),
    #[error("{0}")]
    Init(TryInitError),
    #[error("{0}")]
    Reload(reload::Error),
}

/// The server's log.
pub(super) struct Log {
    pub(super) writer: LogWriter,
    /// The value of `--log`.
    flag: Option<String>,
    filter: reload::Handle<EnvFilter, Registry>,
}

impl Log {
    /// Starts the log and a hook that logs panics. `RUST_LOG` takes precedence over `flag`, and `flag` over `setting`.
    pub(super) fn start(flag: Option<String>, setting: &str, format: LogFormat) -> Result<Self, LogError> {
        let filter = filter(flag.as_deref(), setting)?;
        let writer = LogWriter::start(stderr(), move |what| line(what, format)).map_err(LogError::Writer)?;
        let (filter, handle) = reload::Layer::new(filter);
        let lines = fmt::layer()
            .with_writer(writer.clone())
            .with_ansi(io::stderr().is_terminal())
            // The calling thread would print them.
            .log_internal_errors(false);
        let lines = match format {
            LogFormat::Text => lines.boxed(),
            LogFormat::Json => lines.json().boxed(),
        };
        registry().with(filter).with(lines).try_init().map_err(LogError::Init)?;
        std::panic::set_hook(Box::new(|info| tracing::error!("{}", describe_panic(info))));
        Ok(Self { writer, flag, filter: handle })
    }

    /// Applies a changed setting. Without effect where `RUST_LOG` or `--log` is given.
    pub(super) fn set(&self, setting: &str) -> Result<(), LogError> {
        self.filter.reload(filter(self.flag.as_deref(), setting)?).map_err(LogError::Reload)
    }

    /// Logs why the server stops.
    pub(super) fn fail(&self, problem: impl Display) -> ExitCode {
        self.writer.add(Level::ERROR, format!("auricle: {problem}\n"));
        ExitCode::FAILURE
    }

    /// Waits until the log is written, for at most [`DRAIN`].
    pub(super) fn drain(&self) {
        self.writer.drain(DRAIN);
    }
}

fn filter(flag: Option<&str>, setting: &str) -> Result<EnvFilter, LogError> {
    let parse = |name: &'static str, directives: &str| {
        parse(directives).map_err(|error| {
            let directives = directives.to_owned();
            LogError::Directives { name, directives, error }
        })
    };
    match (std::env::var("RUST_LOG"), flag) {
        (Ok(directives), _) => parse("RUST_LOG", &directives),
        (Err(_), Some(directives)) => parse("--log", directives),
        (Err(_), None) => parse("`log`", setting),
    }
}

fn parse(directives: &str) -> Result<EnvFilter, ParseError> {
    // Without any directive only errors are logged.
    let directives = if directives.is_empty() { "error" } else { directives };
    EnvFilter::try_new(format!("{QUIET},{directives}"))
}

/// Standard error without its lock, which the writer would hold while nobody reads.
fn stderr() -> impl Write + Send + 'static {
    #[cfg(unix)]
    if let Ok(own) = std::os::fd::AsFd::as_fd(&io::stderr()).try_clone_to_owned() {
        return Box::new(std::fs::File::from(own)) as Box<dyn Write + Send>;
    }
    Box::new(io::stderr()) as Box<dyn Write + Send>
}

/// Formats a line of the log itself like those of `tracing-subscriber`.
fn line(what: &str, format: LogFormat) -> String {
    let (time, target) = (humantime::format_rfc3339_micros(SystemTime::now()), "auricle::log");
    match format {
        LogFormat::Text => format!("{time}  WARN {target}: {what}\n"),
        LogFormat::Json => {
            let fields = serde_json::json!({ "message": what });
            let time = time.to_string();
            let line = serde_json::json!({ "timestamp": time, "level": "WARN", "fields": fields, "target": target });
            format!("{line}\n")
        }
    }
}

/// Starts the client's log: warnings only, unless `RUST_LOG` is set. The client itself reports damaged audio.
pub(super) fn init_client() {
    init(CLIENT);
}

/// The log of `auricle work`.
pub(super) fn init_worker() {
    init(WORKER);
}

fn init(directives: &str) {
    let Ok(filter) = filter(None, directives) else { return };
    // The client also works without a log.
    let _ = fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .log_internal_errors(false)
        .finish()
        .try_init();
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::{enabled, subscriber::with_default};

    #[test]
    fn the_libraries_of_webrtc_are_silent_unless_they_are_named() {
        for (directives, library, namesake, own) in
            [("info", false, true, true), ("", false, false, false), ("warn,str0m=debug", true, true, false)]
        {
            with_default(registry().with(parse(directives).unwrap()), || {
                assert_eq!(enabled!(target: "str0m::dtls", Level::WARN), library, "{directives}");
                assert_eq!(enabled!(target: "isolated", Level::WARN), namesake, "{directives}");
                assert_eq!(enabled!(target: "auricle_server", Level::INFO), own, "{directives}");
            });
        }
    }
}
