//! The host of the demo: a child process, which is stopped when it is dropped.

use crate::{process::Process, run::Done, stage::Built};
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

pub(super) struct Host {
    process: Process,
    address: String,
}

impl Host {
    /// Starts the host on a free port, and waits until it listens.
    pub(super) fn start(built: &Built, configs: &Path) -> Done<Self> {
        let started = command(built, configs).stdout(Stdio::piped()).spawn();
        let process = started.map_err(|error| format!("{} cannot be started: {error}", built.host.display()))?;
        let mut host = Self { process: Process(process), address: String::new() };
        let mut line = String::new();
        if let Some(out) = host.process.0.stdout.take() {
            BufReader::new(out).read_line(&mut line).map_err(|error| format!("the host's output: {error}"))?;
        }
        host.address = line.trim().strip_prefix("listening on ").ok_or("the host did not start")?.to_owned();
        Ok(host)
    }

    /// Where it listens, as a URL.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Prints how to connect, and waits until the host ends.
    pub(super) fn serve(&mut self) -> Done {
        eprintln!("\nThe host is running; Ctrl-C stops it. Connect with:");
        eprintln!("  target/release/auricle stream FILE --url {} --preset pocketsphinx", self.address);
        eprintln!("  target/release/auricle engines --url {}", self.address);
        self.process.0.wait().map_err(|error| format!("the host: {error}"))?;
        Ok(())
    }
}

fn command(built: &Built, configs: &Path) -> Command {
    let mut command = Command::new(&built.host);
    command.args(["serve", "--listen", "127.0.0.1:0", "--log", "error", "--plugins"]).arg(&built.plugins);
    command.arg("--resources").arg(&built.runtime).arg("--resources").arg(&built.models);
    command.arg("--configs").arg(configs);
    command
}
