//! Does what a reader does: enters the commands of a chapter, in order, in a new folder.
//!
//! Invariant: nothing is entered that is not in the chapter. The chapter "Before you start" is replaced by a development build
//! of the server, and the variables that the chapter sets. A server runs until its chapter ends.

use super::chapter::{Block, blocks};
use crate::{
    process::Process,
    run::{Done, root},
    stage::{self, Built},
};
use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

const CHAPTERS: [&str; 6] = ["rust", "c", "cpp", "python", "debugging", "performance"];
/// What a first engine may take.
const LIMIT: Duration = Duration::from_secs(600);

/// Follows these chapters, or all that have commands.
pub(super) fn chapters(names: &[String]) -> Done {
    if let Some(unknown) = names.iter().find(|name| !CHAPTERS.contains(&name.as_str())) {
        return Err(format!("no chapter `{unknown}` has commands; these do: {}", CHAPTERS.join(", ")));
    }
    let built = stage::development()?;
    let mut times = Vec::new();
    for name in CHAPTERS.into_iter().filter(|name| names.is_empty() || names.iter().any(|chosen| chosen == name)) {
        eprintln!("\nxtask: chapter `{name}`");
        let begun = Instant::now();
        chapter(name, &built).map_err(|problem| format!("chapter `{name}`: {problem}"))?;
        times.push((name, begun.elapsed()));
    }
    eprintln!("\nxtask: from nothing, with the building of dependencies:");
    times.iter().for_each(|(name, time)| eprintln!("{:8.1} s  {name}", time.as_secs_f64()));
    match times.iter().find(|(_, time)| *time > LIMIT) {
        Some((name, _)) => Err(format!("chapter `{name}` takes more than ten minutes")),
        None => Ok(()),
    }
}

fn chapter(name: &str, built: &Built) -> Done {
    let file = root().join(format!("docs/book/src/{name}.md"));
    let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut shell = Shell::new(folder.path(), built)?;
    let mut server = None;
    let mut printed = String::new();
    for block in blocks(&text) {
        match block {
            Block::Commands(commands) => printed = shell.enter(&commands)?,
            Block::Server(command) => server = Some(shell.start(&command)?),
            Block::Output(expected) if printed.contains(&expected) => {}
            Block::Output(expected) => return Err(format!("the book says:\n{expected}\nbut it is:\n{printed}")),
        }
    }
    drop(server);
    Ok(())
}

/// The terminal of a reader.
struct Shell {
    /// Its current folder, and the file in which the shell leaves it.
    folder: PathBuf,
    left: PathBuf,
    path: std::ffi::OsString,
    plugins: PathBuf,
}

impl Shell {
    fn new(folder: &Path, built: &Built) -> Done<Self> {
        let programs = built.host.parent().map(Path::to_owned).into_iter();
        let path = env::join_paths(programs.chain(env::split_paths(&env::var_os("PATH").unwrap_or_default())));
        Ok(Self {
            folder: folder.to_owned(),
            left: folder.join(".left"),
            path: path.map_err(|error| error.to_string())?,
            plugins: built.plugins.clone(),
        })
    }

    fn bash(&self, script: &str) -> Command {
        let mut command = Command::new("bash");
        command.args(["-c", script]).current_dir(&self.folder).stdin(Stdio::null());
        command.env("PATH", &self.path).env("AURICLE_CHECKOUT", root()).env("PLUGINS", &self.plugins);
        // Of the cargo that runs this.
        for name in ["CARGO_TARGET_DIR", "CARGO_INCREMENTAL", "AURICLE_URL", "AURICLE_KEY"] {
            command.env_remove(name);
        }
        command
    }

    /// Runs commands; returns what they print.
    fn enter(&mut self, commands: &str) -> Done<String> {
        let begun = Instant::now();
        let script = format!("set -euo pipefail\n{commands}\npwd > '{}'", self.left.display());
        let output = self.bash(&script).output().map_err(|error| format!("bash: {error}"))?;
        let first = commands.lines().next().unwrap_or_default();
        eprintln!("{:8.1} s  {first}", begun.elapsed().as_secs_f64());
        let [printed, errors] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
        if !output.status.success() {
            return Err(format!("{}:\n{commands}\n{printed}\n{errors}", output.status));
        }
        let left = fs::read_to_string(&self.left).map_err(|error| error.to_string())?;
        self.folder = PathBuf::from(left.trim_end());
        Ok(printed)
    }

    /// Starts a server, and waits until it listens.
    fn start(&self, command: &str) -> Done<Process> {
        let mut bash = self.bash(&format!("exec {command}"));
        let mut process = Process(
            bash.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().map_err(|error| format!("bash: {error}"))?,
        );
        let mut line = String::new();
        if let Some(out) = process.0.stdout.take() {
            BufReader::new(out).read_line(&mut line).map_err(|error| error.to_string())?;
        }
        if line.starts_with("listening on ") {
            Ok(process)
        } else {
            Err(format!("the server does not start; is its port free? {command}"))
        }
    }
}
