//! `auricle probe`: what a plugin file is, or why it is refused.

use super::{
    output::{Format, fail, print, print_json},
    resources::check_resources,
};
use auricle_engines::{
    LibraryError, locate_library,
    platform::this_program,
    plugins::{Claims, PluginError, ProbeReport, digest, examine},
};
use auricle_plugin_api::host::{NotLoadable, read_plugin};
use serde_json::{Value, json};
use std::{path::PathBuf, process::ExitCode, time::Duration};

/// Open a plugin file or engine folder in a child process and report what it is, or why it is refused.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  auricle probe target/release/libmy_engine.so
  auricle probe --without-running from-a-stranger.so

Exit status: 0 the plugin can be loaded, 1 it cannot.")]
pub(super) struct ProbeArgs {
    /// A shared library, or an engine folder NAME.engine
    file: PathBuf,
    #[command(flatten)]
    format: Format,
    /// Only read the manifest and the claims from the file, and run none of its code
    #[arg(long)]
    without_running: bool,
    /// Directory where engines look for models and shared runtimes; may be given more than once
    #[arg(long, value_name = "DIR")]
    resources: Vec<PathBuf>,
    /// Time limit for opening the plugin, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    timeout: f64,
}

pub(super) fn run(args: &ProbeArgs) -> ExitCode {
    if let Err(problem) = check_resources(&args.resources) {
        return fail(problem);
    }
    let Ok(limit) = Duration::try_from_secs_f64(args.timeout) else {
        return fail("--timeout must be a number of seconds");
    };
    if args.without_running {
        return read(args);
    }
    let limit = limit.max(Duration::from_millis(1));
    let program = match this_program() {
        Ok(program) => program,
        Err(error) => return fail(error),
    };
    let report = match examine(&program, &args.file, &args.resources, limit) {
        Ok(report) => report,
        Err(PluginError::Library(problem)) => return refused(args, &problem),
        Err(problem) => return fail(format_args!("{}: {problem}", args.file.display())),
    };
    if args.format.is_json() {
        return print_json(&report);
    }
    let ProbeReport { id, version, description, api, target, .. } = &report;
    let mut lines = vec![format!("{id} {version} - {description}"), format!("  plugin API {api}, {target}")];
    lines.extend(file_lines(args, report.claims.as_ref()));
    let engines = report.engines.iter().map(|engine| ("engine", &engine.backend, &engine.schema));
    let stages = report.stages.iter().map(|stage| ("stage", &stage.name, &stage.schema));
    for (kind, name, schema) in engines.chain(stages) {
        lines.push(format!("  {kind} {name}"));
        let fields = schema.get("properties").and_then(Value::as_object);
        for (name, field) in fields.into_iter().flatten() {
            let text = |key: &str| field.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            let default = field.get("default").map_or_else(String::new, |value| format!(" = {value}"));
            let (kind, scope, description) = (text("type"), text("x-auricle-scope"), text("description"));
            lines.push(format!("    {name}: {kind}{default} ({scope}) {description}"));
        }
    }
    print(&lines.join("\n"))
}

/// Prints what the file says of itself.
fn read(args: &ProbeArgs) -> ExitCode {
    let (manifest, claims) = match locate_library(&args.file).map(|file| read_plugin(&file.library)) {
        Ok(Ok(read)) => read,
        Ok(Err(NotLoadable::NotAPlugin)) => return refused(args, &LibraryError::NotAPlugin),
        Ok(Err(NotLoadable::Refused(reason))) => return fail(format_args!("{}: {reason}", args.file.display())),
        Err(problem) => return refused(args, &problem),
    };
    let (id, version, description, target) =
        (manifest.id(), manifest.version(), manifest.description(), manifest.target());
    let (major, minor) = manifest.api();
    let api = format!("{major}.{minor}");
    if args.format.is_json() {
        return print_json(&json!({
            "id": id, "version": version, "description": description, "api": api, "target": target, "claims": claims,
        }));
    }
    let mut lines = vec![format!("{id} {version} - {description}"), format!("  plugin API {api}, {target}")];
    lines.extend(file_lines(args, claims.as_ref()));
    print(&lines.join("\n"))
}

fn file_lines(args: &ProbeArgs, claims: Option<&Claims>) -> Vec<String> {
    let digest = digest(&args.file).map(|digest| format!("  SHA-256 {digest}"));
    let claims = claims.map_or_else(|| "nothing".to_owned(), Claims::to_string);
    digest.ok().into_iter().chain([format!("  claims: {claims}")]).collect()
}

fn refused(args: &ProbeArgs, problem: &LibraryError) -> ExitCode {
    let file = args.file.display();
    match problem {
        LibraryError::NotAPlugin => fail(format_args!("{file}: not an Auricle plugin")),
        problem => fail(format_args!("{file}: {problem}")),
    }
}
