//! `auricle validate`: checks an engine against the plugin API's contract, each case in a process of its own.

pub(super) mod child;
mod junit;
mod report;
mod runner;

use super::{
    engine_args::{Chosen, EngineArgs},
    output::{Format, fail, print, print_json},
};
use auricle_engines::{locate_library, platform::this_program};
use auricle_plugin_test::validate::{Case, Outcome, SECTIONS, Section, Verdict};
use child::{Request, Task};
use report::{Counts, describe};
use runner::{CaseReport, Runner};
use serde::Serialize;
use serde_json::json;
use std::{fs, path::PathBuf, process::ExitCode, time::Duration};

const MORE: &str = "\
docs/validate.md lists the cases, what the contract says, and what to do. Without --audio the engine hears a built-in signal of
tones and pauses, and cases that need text are skipped if it recognises nothing in it.

Examples:
  cargo build && auricle validate target/debug/libmy_engine.so
  auricle validate my.engine/ --preset my.json --resources models --audio speech.wav
  auricle validate libmy_engine.so --only stream,state.flush --json
  auricle validate libmy_engine.so --fuzz 60
  auricle validate --list

Exit codes:
  0  every case passed, some maybe with a warning, or was skipped
  1  a case failed or crashed
  2  the command line is wrong, or the plugin, the preset or the recording cannot be read";

/// Check an engine against the contract of the plugin API.
///
/// Each case runs in a process of its own, with limits on time and memory, so an engine that crashes or hangs is a result too.
#[derive(Debug, clap::Args)]
#[command(after_long_help = MORE)]
pub(super) struct ValidateArgs {
    /// A shared library, or an engine folder NAME.engine
    #[arg(required_unless_present = "list")]
    file: Option<PathBuf>,
    #[command(flatten)]
    engine: EngineArgs,
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
    let cases = |section: &Section| section.cases.iter().map(|case| (case.name(), case.clause, case.advice));
    if as_json {
        let listed = |section: &Section| -> Vec<_> {
            let object = |(case, clause, advice)| json!({"case": case, "clause": clause, "advice": advice});
            cases(section).map(object).collect()
        };
        let sections: Vec<_> =
            SECTIONS.iter().map(|section| json!({"section": section.title, "cases": listed(section)})).collect();
        return print_json(&sections);
    }
    let listed = |section: &Section| {
        let lines: Vec<_> = cases(section).map(|(case, clause, _)| format!("  {case:28} {clause}")).collect();
        format!("{}\n{}", section.title, lines.join("\n"))
    };
    print(&SECTIONS.iter().map(listed).collect::<Vec<_>>().join("\n\n"))
}

/// Checks the command line.
fn runner(args: &ValidateArgs) -> Result<Runner, String> {
    let unknown = args.only.iter().chain(&args.skip).find(|name| {
        let mut cases = SECTIONS.iter().flat_map(|section| section.cases);
        !cases.any(|case| case.is_named(name))
    });
    if let Some(name) = unknown {
        return Err(format!("there is no case or group `{name}`; --list shows all"));
    }
    let file = args.file.clone().unwrap_or_default();
    let named = |problem: &dyn std::fmt::Display| format!("{}: {problem}", file.display());
    let file = file.canonicalize().map_err(|error| named(&error))?;
    let located = locate_library(&file).map_err(|problem| named(&problem))?;
    let Chosen { backend, fields, host } = args.engine.choose()?;
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
        resource_dirs: args.engine.resource_dirs()?,
        backend,
        fields,
        audio,
        limit: Duration::from_secs_f64(args.timeout),
        sandbox: None,
    };
    let program = this_program().map_err(|error| error.to_string())?;
    let sandbox = match host.sandbox {
        true => Runner::allowed(&program, &request),
        false => Err("the preset does without a sandbox".to_owned()),
    };
    Ok(Runner { program, request, memory: args.memory << 20, sandbox })
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
