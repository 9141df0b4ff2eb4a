//! `auricle validate`: checks an engine or a stage against the plugin API's contract, each case in a process of its own.

pub(super) mod child;
mod junit;
mod report;
mod runner;

use super::{
    engine_args::{Chosen, EngineArgs},
    output::{Format, fail, print, print_json},
};
use auricle_engines::{
    locate_library,
    platform::this_program,
    plugins::{ProbeReport, examine},
};
use auricle_plugin_test::validate::{Case, Outcome, SECTIONS, STAGE_SECTIONS, Section, Verdict};
use auricle_session::StageEntry;
use child::{Request, Task};
use report::{Counts, describe};
use runner::{CaseReport, Runner};
use serde::Serialize;
use serde_json::json;
use std::{fs, path::PathBuf, process::ExitCode, time::Duration};

const MORE: &str = "\
docs/validate.md lists the cases, what the contract says, and what to do. Without --audio the engine hears a built-in signal of
tones and pauses, and cases that need text are skipped if it recognises nothing in it. A stage hears the same, and gets events of an
engine that does not exist.

Examples:
  cargo build && auricle validate target/debug/libmy_engine.so
  auricle validate my.engine/ --preset my.json --resources models --audio speech.wav
  auricle validate libmy_engine.so --only stream,state.flush --json
  auricle validate libmy_stage.so --preset with-my-stage.json
  auricle validate libmy_engine.so --fuzz 60
  auricle validate --list

Exit codes:
  0  every case passed, some maybe with a warning, or was skipped
  1  a case failed or crashed
  2  the command line is wrong, or the plugin, the preset or the recording cannot be read";

/// Check an engine, or a stage, against the contract of the plugin API.
///
/// Each case runs in a process of its own, with limits on time and memory, so a plugin that crashes or hangs is a result too.
#[derive(Debug, clap::Args)]
#[command(after_long_help = MORE)]
pub(super) struct ValidateArgs {
    /// A shared library, or an engine folder NAME.engine
    #[arg(required_unless_present = "list")]
    file: Option<PathBuf>,
    #[command(flatten)]
    engine: EngineArgs,
    /// Check the stage with this name, with its fields in the preset; a plugin without engines needs it only if it has several
    #[arg(long, value_name = "NAME", conflicts_with = "backend")]
    stage: Option<String>,
    /// A recording of speech that the engine recognises; the first 20 s are used
    #[arg(long, value_name = "FILE")]
    audio: Option<PathBuf>,
    /// Run only these cases or groups, such as `stream` or `state.flush`
    #[arg(long, value_name = "CASE,...", value_delimiter = ',')]
    only: Vec<String>,
    /// Leave out these cases or groups
    #[arg(long, value_name = "CASE,...", value_delimiter = ',')]
    skip: Vec<String>,
    /// Time limit for each case, in seconds; long cases use about half of it
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0, value_parser = seconds)]
    timeout: f64,
    /// Memory limit for each case, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 4_096)]
    memory: u64,
    /// Write the results as JUnit XML too
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Make random calls for this time instead, as a server might
    ///
    /// For engines only.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    fuzz: Option<f64>,
    /// The seed of the random calls
    #[arg(long, value_name = "N", requires = "fuzz")]
    seed: Option<u64>,
    /// List the cases
    #[arg(long)]
    list: bool,
    #[command(flatten)]
    format: Format,
}

/// The results as JSON.
#[derive(Debug, Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    counts: Counts,
    cases: &'a [CaseReport],
}

/// The result of random calls as JSON.
#[derive(Debug, Serialize)]
struct FuzzReport {
    seed: u64,
    #[serde(flatten)]
    verdict: Verdict,
    /// The calls that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    calls: Option<String>,
}

pub(super) fn run(args: &ValidateArgs) -> ExitCode {
    if args.list {
        return list(args.format.is_json());
    }
    match runner(args) {
        Err(problem) => {
            fail(problem);
            ExitCode::from(2)
        }
        Ok(runner) => match args.fuzz {
            Some(seconds) => fuzz(args, &runner, seconds),
            None => validate(args, &runner),
        },
    }
}

fn list(as_json: bool) -> ExitCode {
    let all = || SECTIONS.iter().chain(STAGE_SECTIONS);
    let cases = |section: &Section| section.cases.iter().map(|case| (case.name(), case.clause, case.advice));
    if as_json {
        let listed = |section: &Section| -> Vec<_> {
            let object = |(case, clause, advice)| json!({"case": case, "clause": clause, "advice": advice});
            cases(section).map(object).collect()
        };
        let sections: Vec<_> =
            all().map(|section| json!({"section": section.title, "cases": listed(section)})).collect();
        return print_json(&sections);
    }
    let listed = |section: &Section| {
        let lines: Vec<_> = cases(section).map(|(case, clause, _)| format!("  {case:28} {clause}")).collect();
        format!("{}\n{}", section.title, lines.join("\n"))
    };
    print(&all().map(listed).collect::<Vec<_>>().join("\n\n"))
}

/// Checks the command line.
fn runner(args: &ValidateArgs) -> Result<Runner, String> {
    let unknown = args.only.iter().chain(&args.skip).find(|name| {
        let mut cases = SECTIONS.iter().chain(STAGE_SECTIONS).flat_map(|section| section.cases);
        !cases.any(|case| case.is_named(name))
    });
    if let Some(name) = unknown {
        return Err(format!("there is no case or group `{name}`; --list shows all"));
    }
    let file = args.file.clone().unwrap_or_default();
    let named = |problem: &dyn std::fmt::Display| format!("{}: {problem}", file.display());
    let file = file.canonicalize().map_err(|error| named(&error))?;
    let located = locate_library(&file).map_err(|problem| named(&problem))?;
    let Chosen { backend, mut fields, host, stages, set } = args.engine.choose()?;
    let (program, resource_dirs) = (this_program().map_err(|error| error.to_string())?, args.engine.resource_dirs()?);
    let limit = Duration::from_secs_f64(args.timeout);
    // Problems of opening are found by cases.
    let report = examine(&program, &located.library, &resource_dirs, limit).map_err(|problem| problem.to_string());
    let stage = match (&args.stage, &report) {
        (Some(name), Ok(report)) if report.stages.iter().all(|stage| stage.name != *name) => {
            let names: Vec<_> = report.stages.iter().map(|stage| stage.name.as_str()).collect();
            return Err(named(&format!("has no stage `{name}`; it has `{}`", names.join("`, `"))));
        }
        (Some(name), _) => Some(name.clone()),
        (None, Ok(report)) if report.engines.is_empty() => only_stage(report, &stages)?,
        _ => None,
    };
    if let Some(stage) = &stage {
        if args.fuzz.is_some() {
            return Err("--fuzz is for engines only".into());
        }
        fields = stages.into_iter().find(|entry| entry.name == *stage).map(|entry| entry.fields).unwrap_or_default();
        fields.extend(set);
    }
    let audio = match &args.audio {
        None => None,
        Some(path) => {
            super::recording::samples(path, 16_000)?;
            Some(path.canonicalize().map_err(|error| error.to_string())?)
        }
    };
    let request = Request {
        task: Task::Case(String::new()),
        library: located.library,
        origin_dir: located.dir,
        resource_dirs,
        backend,
        stage,
        fields,
        audio,
        limit,
        sandbox: None,
    };
    let sandbox = match host.sandbox {
        true => report.and_then(|report| Runner::allowed(&program, &request, &report)),
        false => Err("the preset does without a sandbox".to_owned()),
    };
    Ok(Runner { program, request, memory: args.memory << 20, sandbox })
}

/// The stage of a plugin that has no engines: its only one, or the one that the preset lists.
fn only_stage(report: &ProbeReport, listed: &[StageEntry]) -> Result<Option<String>, String> {
    let names: Vec<_> = report.stages.iter().map(|stage| stage.name.as_str()).collect();
    let mut of_preset = listed.iter().filter(|entry| names.contains(&entry.name.as_str()));
    match (names.as_slice(), of_preset.next(), of_preset.next()) {
        ([name], ..) => Ok(Some((*name).to_owned())),
        (_, Some(entry), None) => Ok(Some(entry.name.clone())),
        _ => Err(format!("the plugin has several stages, `{}`: choose one with --stage", names.join("`, `"))),
    }
}

fn validate(args: &ValidateArgs, runner: &Runner) -> ExitCode {
    let selected = |case: &Case| {
        let is_in = |names: &[String]| names.iter().any(|name| case.is_named(name));
        (args.only.is_empty() || is_in(&args.only)) && !is_in(&args.skip)
    };
    let as_json = args.format.is_json();
    let mut section = "";
    // Each line as soon as it is known: some cases take a while.
    let reports = runner.run(selected, |report| {
        if as_json {
            return;
        }
        if report.section != section {
            let gap = if section.is_empty() { "" } else { "\n" };
            print(&format!("{gap}{}", report.section));
            section = report.section;
        }
        print(&describe(report));
    });
    let counts = Counts::of(&reports);
    let printed = match as_json {
        true => print_json(&Report { counts, cases: &reports }),
        false => print(&format!("\n{counts}")),
    };
    if let Some(file) = &args.junit {
        let written = junit::document(&reports).and_then(|document| fs::write(file, document));
        if let Err(error) = written {
            fail(format_args!("{}: {error}", file.display()));
            return ExitCode::from(2);
        }
    }
    if reports.iter().any(|report| report.verdict.outcome.is_bad()) { ExitCode::FAILURE } else { printed }
}

fn fuzz(args: &ValidateArgs, runner: &Runner, seconds: f64) -> ExitCode {
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..1 << 32));
    let (verdict, round) = match runner.fuzz(seed, seconds) {
        Ok(found) => found,
        Err(error) => return fail(error),
    };
    let calls = round.filter(|_| verdict.outcome != Outcome::Pass);
    let bad = verdict.outcome.is_bad();
    let printed = if args.format.is_json() {
        print_json(&FuzzReport { seed, verdict, calls })
    } else {
        let outcome = if bad { "FAIL" } else { "pass" };
        let calls =
            calls.map_or_else(String::new, |calls| format!("\n{calls}\nRepeat it with --fuzz 1 --seed and this seed."));
        print(&format!("{outcome}: {} (--seed {seed}){calls}", verdict.reason))
    };
    if bad { ExitCode::FAILURE } else { printed }
}

/// Parses a time limit.
fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.1..=86_400.0).contains(&seconds) => Ok(seconds),
        _ => Err("must be a number of seconds from 0.1 to 86400".into()),
    }
}
