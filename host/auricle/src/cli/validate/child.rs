//! The process of one task: a case, or random calls. It opens the plugin and writes what it found.
//!
//! Invariant: every line of the report is written before the plugin can end the process in the next call. Threads: the
//! main thread runs the task; one waits for the parent's end, one for a fatal signal.

use crate::cli::recording;
use auricle_engines::{
    child::end_with_parent,
    worker::sandbox::{self, Allowed},
};
use auricle_plugin_api::host::{ignore_requests_to_stop, on_crash};
use auricle_plugin_test::validate::{Outcome, Round, Speech, Subject, Verdict, case, fuzz};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

/// What the process is to do. It is one line of its standard input.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(super) task: Task,
    pub(super) library: PathBuf,
    pub(super) origin_dir: PathBuf,
    pub(super) resource_dirs: Vec<PathBuf>,
    pub(super) backend: Option<String>,
    /// The stage, if the subject is one.
    pub(super) stage: Option<String>,
    pub(super) fields: Map<String, Value>,
    pub(super) audio: Option<PathBuf>,
    pub(super) limit: Duration,
    /// What the sandbox allows, if the process must enter it.
    pub(super) sandbox: Option<Allowed>,
}

/// A task.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Task {
    /// A case, by name.
    Case(String),
    /// Random calls.
    Fuzz { seed: u64, seconds: f64 },
}

/// A line of the report.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Line {
    /// A round of random calls begins.
    Round(String),
    /// A fatal signal, and the call.
    Crash(String),
    /// The task ended.
    Verdict(Verdict),
}

/// Runs the task that standard input names.
///
/// # Errors
/// The request cannot be read, the report cannot be written, or the system refuses the sandbox.
pub(crate) fn run(report: &Path) -> io::Result<ExitCode> {
    ignore_requests_to_stop()?;
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    let request: Request = serde_json::from_str(&line)?;
    let report = OpenOptions::new().append(true).open(report)?;
    if let Some(allowed) = &request.sandbox {
        // Before there are other threads.
        sandbox::enter(allowed).map_err(|error| io::Error::other(error.to_string()))?;
    }
    end_with_parent()?;
    let crashes = report.try_clone()?;
    on_crash(move |crash| {
        let _ = write(&crashes, &Line::Crash(crash.to_string()));
    })?;
    let verdict = execute(request, &report);
    write(&report, &Line::Verdict(verdict))?;
    Ok(ExitCode::SUCCESS)
}

fn execute(request: Request, report: &File) -> Verdict {
    let Request { task, library, origin_dir, resource_dirs, backend, stage, fields, audio, limit, .. } = request;
    let speech = audio.map(|path| -> Speech { Box::new(move |rate| recording::samples(&path, rate)) });
    let subject = Subject { library, origin_dir, resource_dirs, backend, stage, fields, speech, limit };
    match task {
        Task::Case(name) => match case(&name) {
            Some(case) => case.run(&subject),
            None => Verdict::new(Outcome::Skipped, "there is no such case"),
        },
        Task::Fuzz { seed, seconds } => {
            let end = Instant::now() + Duration::from_secs_f64(seconds);
            let begin = |round: &Round| {
                // If it cannot be written, the round is not known when it crashes.
                let _ = write(report, &Line::Round(round.to_string()));
            };
            match fuzz(&subject, seed, end, begin) {
                Ok(rounds) => Verdict::new(Outcome::Pass, format!("{rounds} rounds")),
                Err(verdict) => verdict,
            }
        }
    }
}

fn write(mut report: &File, line: &Line) -> io::Result<()> {
    report.write_all((serde_json::to_string(line)? + "\n").as_bytes())
}
