//! What every command shares: results on standard output, problems on standard error, an exit code.

use clap::ValueEnum;
use std::{
    io::{self, Write},
    process::ExitCode,
};

/// How a result is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

/// Writes a result as JSON.
pub(super) fn print_json(value: &impl serde::Serialize) -> ExitCode {
    match serde_json::to_string_pretty(value) {
        Ok(text) => print(&text),
        Err(error) => fail(error),
    }
}

/// Writes a command's result. Whoever closed the pipe has enough.
pub(super) fn print(text: &str) -> ExitCode {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            fail(format_args!("cannot write the output: {error}"))
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Says what went wrong.
pub(super) fn fail(problem: impl std::fmt::Display) -> ExitCode {
    // Who has closed standard error does not want to know.
    let _ = writeln!(io::stderr(), "auricle: {problem}");
    ExitCode::FAILURE
}

/// Runs a command that waits for many things at once.
pub(super) fn with_runtime<T: Into<ExitCode>>(work: impl Future<Output = T>) -> ExitCode {
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let code = runtime.block_on(work).into();
            // A thread in a blocking read (standard input) must not hold up the exit.
            runtime.shutdown_background();
            code
        }
        Err(error) => fail(format_args!("cannot start: {error}")),
    }
}
