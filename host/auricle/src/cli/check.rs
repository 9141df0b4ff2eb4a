//! `auricle check`: checks a server's configuration without starting it.

use super::{
    configuration::ConfigurationArgs,
    output::{Format, fail, print, print_json},
};
use auricle_core::wording::count;
use auricle_engines::platform::this_program;
use auricle_server::{
    check::{Finding, Level, check},
    settings::Role,
};
use serde::Serialize;
use std::process::ExitCode;

/// Check settings, keys, certificates, plugins and presets, without starting a server.
///
/// Takes the options of `serve` and prints a line for each thing: `ok`, `warning` or `error`, with what to do. It opens no
/// listener and loads no model. Plugins are opened in child processes, as by the server.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  auricle check --plugins target/plugins --configs configs
  auricle check --plugins target/plugins --configs configs --json

Exit status: 0 no errors (there may be warnings), 1 at least one error.")]
pub(super) struct CheckArgs {
    #[command(flatten)]
    configuration: ConfigurationArgs,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Serialize)]
struct CheckReport {
    errors: usize,
    warnings: usize,
    findings: Vec<Finding>,
}

pub(super) fn run(args: &CheckArgs) -> ExitCode {
    let findings = match args.configuration.read(Role::Serve) {
        Ok(settings) => match this_program() {
            Ok(program) => check(&settings, &program),
            Err(error) => return fail(error),
        },
        // It says where everything else is.
        Err(problem) => {
            vec![Finding::new(Level::Error, "settings", format_args!("{problem} (nothing else was checked)"))]
        }
    };
    let of = |level| findings.iter().filter(|finding| finding.level == level).count();
    let (errors, warnings) = (of(Level::Error), of(Level::Warning));
    let printed = if args.format.is_json() {
        print_json(&CheckReport { errors, warnings, findings })
    } else {
        let mut lines: Vec<_> = findings.iter().map(describe).collect();
        lines.push(format!("{}, {}", count(errors, "error"), count(warnings, "warning")));
        print(&lines.join("\n"))
    };
    if errors > 0 { ExitCode::FAILURE } else { printed }
}

fn describe(Finding { level, subject, message }: &Finding) -> String {
    let level = match level {
        Level::Ok => "ok",
        Level::Warning => "warning",
        Level::Error => "error",
    };
    format!("{level:7}  {subject}: {message}")
}
