//! Runs tasks in processes of their own, with limits on time and memory.
//!
//! Invariant: whatever a plugin does to its process, there is a verdict. Threads: the caller's.

use super::child::{Line, Request, Task};
use auricle_core::wording::count;
use auricle_engines::{
    child::{ChildEnd, ChildLimits, wait},
    platform::{describe_exit, own_process_group},
    plugins::{Kind, ProbeReport, needed_files},
    worker::{readable_files, sandbox::Allowed},
};
use auricle_plugin_api::Need;
use auricle_plugin_test::validate::{Case, Outcome, SECTIONS, Verdict, stage_sections};
use serde::Serialize;
use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// How long a process may take beyond the limit of its task, to start and to end.
const GRACE: Duration = Duration::from_secs(5);

/// What was found, and how long it took.
#[derive(Debug, Serialize)]
pub(super) struct CaseReport {
    /// The heading of its section.
    pub(super) section: &'static str,
    /// The case's name.
    pub(super) case: String,
    #[serde(flatten)]
    pub(super) verdict: Verdict,
    /// What the plugin API says.
    pub(super) clause: &'static str,
    /// What to do if it did not pass.
    pub(super) advice: &'static str,
    /// How long it took.
    pub(super) seconds: f64,
}

/// Runs tasks on one plugin.
#[derive(Debug)]
pub(super) struct Runner {
    pub(super) program: PathBuf,
    pub(super) request: Request,
    /// In bytes.
    pub(super) memory: u64,
    /// What the sandbox allows, or why it is not used.
    pub(super) sandbox: Result<Allowed, String>,
}

/// What a process printed and reported.
struct Ran {
    verdict: Verdict,
    round: Option<String>,
    printed: Vec<u8>,
}

impl Runner {
    /// What the sandbox allows a plugin with this report. Opens it in a child process, if it can name files.
    pub(super) fn allowed(program: &Path, request: &Request, report: &ProbeReport) -> Result<Allowed, String> {
        let Request { library, origin_dir, resource_dirs, backend, stage, fields, limit, .. } = request;
        let claims = report.claims.as_ref();
        let needs = |need| claims.is_some_and(|claims| claims.need(need));
        if needs(Need::NoSandbox) {
            return Err("the plugin claims that it needs no sandbox".to_owned());
        }
        let subject = match stage {
            Some(name) => {
                let stage = report.stages.iter().find(|stage| stage.name == *name);
                stage.map(|stage| (Kind::Stage, &stage.name, stage.names_files))
            }
            None => {
                let mut engines = report.engines.iter();
                let engine = engines.find(|engine| backend.as_ref().is_none_or(|name| *name == engine.backend));
                engine.map(|engine| (Kind::Engine, &engine.backend, engine.names_files))
            }
        };
        let named = match subject {
            Some((kind, name, true)) if claims.is_none() || needs(Need::Files) => {
                needed_files(program, library, resource_dirs, *limit, (kind, name, fields))
                    .map_err(|problem| problem.to_string())?
            }
            _ => Vec::new(),
        };
        let read = readable_files(origin_dir.clone(), resource_dirs, fields, &named);
        Ok(Allowed { read, scratch: None, network: needs(Need::Network), gpu: needs(Need::Gpu) })
    }

    /// Runs the selected cases in order, and passes each report on as soon as it is known. After a gate that did not
    /// pass, the others are skipped.
    pub(super) fn run(&self, selected: impl Fn(&Case) -> bool, mut each: impl FnMut(&CaseReport)) -> Vec<CaseReport> {
        let mut reports = Vec::new();
        let mut closed: Option<String> = None;
        let sections: Vec<_> = match self.request.stage {
            None => SECTIONS.iter().collect(),
            Some(_) => stage_sections().collect(),
        };
        for section in sections {
            for (n, case) in section.cases.iter().enumerate().filter(|(_, case)| selected(case)) {
                let begun = Instant::now();
                let verdict = match &closed {
                    Some(gate) => Verdict::new(Outcome::Skipped, format!("`{gate}` did not pass")),
                    None => self.case(case),
                };
                if section.is_gate && n == 0 && closed.is_none() && verdict.outcome.is_bad() {
                    closed = Some(case.name());
                }
                let report = CaseReport {
                    section: section.title,
                    case: case.name(),
                    verdict,
                    clause: case.clause,
                    advice: case.advice,
                    seconds: begun.elapsed().as_secs_f64(),
                };
                each(&report);
                reports.push(report);
            }
        }
        reports
    }

    fn case(&self, case: &Case) -> Verdict {
        let mut request = Request { task: Task::Case(case.name()), ..self.request.clone() };
        if case.is_sandboxed() {
            match &self.sandbox {
                Ok(allowed) => {
                    let mut allowed = allowed.clone();
                    allowed.read.extend(self.request.audio.clone());
                    request.sandbox = Some(allowed);
                }
                Err(reason) => return Verdict::new(Outcome::Skipped, reason),
            }
        }
        let Ran { verdict, printed, .. } = match self.process(&request, self.request.limit) {
            Ok(ran) => ran,
            Err(error) => return Verdict::new(Outcome::Skipped, format!("cannot start a process: {error}")),
        };
        if case.is_about_output() && verdict.outcome == Outcome::Pass && !printed.is_empty() {
            let line: String =
                String::from_utf8_lossy(&printed).lines().next().unwrap_or_default().escape_debug().collect();
            let line: String = line.chars().take(60).collect();
            let size = count(printed.len(), "byte");
            return Verdict::new(Outcome::Warning, format!("the plugin printed {size}: {line}"));
        }
        verdict
    }

    /// Makes random calls for this time. Returns the verdict, and the round that failed.
    pub(super) fn fuzz(&self, seed: u64, seconds: f64) -> io::Result<(Verdict, Option<String>)> {
        let request = Request { task: Task::Fuzz { seed, seconds }, ..self.request.clone() };
        let limit = self.request.limit + Duration::from_secs_f64(seconds);
        let Ran { verdict, round, .. } = self.process(&request, limit)?;
        Ok((verdict, round))
    }

    fn process(&self, request: &Request, limit: Duration) -> io::Result<Ran> {
        let [report, out, err] =
            [tempfile::NamedTempFile::new()?, tempfile::NamedTempFile::new()?, tempfile::NamedTempFile::new()?];
        let mut command = Command::new(&self.program);
        command.arg("validate-child").arg("--report").arg(report.path()).env("ORT_DISABLE_TELEMETRY", "1");
        command.stdin(Stdio::piped()).stdout(out.reopen()?).stderr(err.reopen()?);
        own_process_group(&mut command);
        let mut child = command.spawn()?;
        // Closed only when the child has ended, because its end would end the child.
        let mut input = child.stdin.take();
        if let Some(input) = &mut input {
            // If the child has ended already, its report says so.
            let _ = input.write_all((serde_json::to_string(request)? + "\n").as_bytes());
        }
        let end = wait(&mut child, ChildLimits { time: limit + GRACE, memory: Some(self.memory) })?;
        drop(input);
        let (mut verdict, mut round) = (None, None);
        let mut crash = None;
        for line in fs::read_to_string(report.path())?.lines() {
            match serde_json::from_str(line)? {
                Line::Round(text) => round = Some(text),
                Line::Crash(text) => crash = Some(text),
                Line::Verdict(found) => verdict = Some(found),
            }
        }
        let verdict = verdict.unwrap_or_else(|| match (end, crash) {
            (_, Some(crash)) => Verdict::new(Outcome::Crashed, crash),
            (ChildEnd::Slow, _) => {
                let seconds = limit.as_secs_f64();
                Verdict::new(Outcome::Fail, format!("did not end within {seconds} s; --timeout allows more"))
            }
            (ChildEnd::Large(bytes), _) => {
                Verdict::new(Outcome::Fail, format!("used {} MiB of memory; --memory allows more", bytes >> 20))
            }
            (ChildEnd::Exited(status), _) => {
                let last = fs::read(err.path()).unwrap_or_default();
                let last =
                    String::from_utf8_lossy(&last).lines().rfind(|line| !line.trim().is_empty()).map(str::to_owned);
                let last = last.map_or_else(String::new, |line| format!(": {line}"));
                Verdict::new(Outcome::Crashed, format!("the process {}{last}", describe_exit(status)))
            }
        });
        Ok(Ran { verdict, round, printed: fs::read(out.path())? })
    }
}
