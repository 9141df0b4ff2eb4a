//! Shared by all commands: results go to standard output, errors to standard error.

use clap::ValueEnum;
use std::{
    io::{self, Write},
    process::ExitCode,
};

/// The options for the format of a result.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct Format {
    /// Format of the result
    #[arg(long, value_enum, default_value_t)]
    format: FormatName,
    /// Short for `--format json`
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum FormatName {
    /// Plain text
    #[default]
    Text,
    /// JSON
    Json,
}

impl Format {
    pub(super) fn is_json(self) -> bool {
        self.json || self.format == FormatName::Json
    }
}

/// Writes a result as JSON.
pub(super) fn print_json(value: &impl serde::Serialize) -> ExitCode {
    match serde_json::to_string_pretty(value) {
        Ok(text) => print(&text),
        Err(error) => fail(error),
    }
}

/// Prints a command's result. A closed pipe is not an error.
pub(super) fn print(text: &str) -> ExitCode {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            fail(format_args!("cannot write the output: {error}"))
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Prints an error.
pub(super) fn fail(problem: impl std::fmt::Display) -> ExitCode {
    // If standard error is closed, the exit code remains.
    let _ = writeln!(io::stderr(), "auricle: {problem}");
    ExitCode::FAILURE
}

/// Runs an asynchronous command on a multi-threaded runtime.
pub(super) fn with_runtime<T: Into<ExitCode>>(work: impl Future<Output = T>) -> ExitCode {
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let code = runtime.block_on(work).into();
            // A thread that blocks on standard input must not delay the exit.
            runtime.shutdown_background();
            code
        }
        Err(error) => fail(format_args!("cannot start: {error}")),
    }
}
