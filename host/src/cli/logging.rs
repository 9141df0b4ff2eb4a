//! Where the log goes: standard error, for people or as JSON lines.

use clap::ValueEnum;
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

/// Starts the server's log. `RUST_LOG` wins over `level`.
pub(super) fn init(level: &str, format: LogFormat) -> Result<(), String> {
    let filter = match std::env::var("RUST_LOG") {
        Ok(directives) => EnvFilter::try_new(&directives).map_err(|error| format!("RUST_LOG: {error}"))?,
        Err(_) => EnvFilter::try_new(level).map_err(|error| format!("--log {level}: {error}"))?,
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let done = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    done.map_err(|error| error.to_string())
}

/// Starts the client's log: warnings only, unless `RUST_LOG` says otherwise. Damaged audio the client reports itself.
pub(super) fn init_client() {
    // Without a log the client works as well.
    let _ = init("warn,symphonia=off", LogFormat::Text);
}
