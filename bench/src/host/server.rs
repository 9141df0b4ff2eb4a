//! The processes that are measured, and what the system says of them.
//!
//! A process ends when its [`Server`] is dropped, a host's directories when its [`Setup`] is.

use super::client::get;
use crate::{Done, from_xtask};
use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// The longest a server may take to get ready.
const READY_LIMIT: Duration = Duration::from_secs(30);

/// Nothing is to be closed for being slow or many: that is not what is measured.
const SETTINGS: &str = "cache = \"cache\"
[limits]
max_streams = 100000
max_lag_seconds = 3600.0
report_lag_seconds = 3600.0
";

/// A running server.
pub(crate) struct Server {
    child: Child,
    /// Host and port.
    pub(crate) address: String,
}

impl Server {
    /// Starts a program that says where it listens.
    pub(crate) fn start(command: &mut Command) -> Done<Self> {
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        let address = line.trim().strip_prefix("listening on http://").unwrap_or_default().to_owned();
        let server = Self { child, address };
        if server.address.is_empty() { Err("a server did not start".into()) } else { Ok(server) }
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its worker processes, and whatever else it has started.
    pub(crate) fn workers(&self) -> Done<Vec<u32>> {
        let parent = format!("PPid:\t{}", self.child.id());
        let is_child = |process: &u32| {
            // What has ended meanwhile is left out.
            let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
            status.lines().any(|line| line == parent)
        };
        let processes = fs::read_dir("/proc")?.flatten();
        Ok(processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(is_child).collect())
    }

    /// Processor time that it and its worker processes have used so far, in seconds.
    pub(crate) fn cpu_with_workers(&self) -> Done<f64> {
        let mut sum = self.cpu()?;
        for worker in self.workers()? {
            sum += cpu(worker)?;
        }
        Ok(sum)
    }

    /// Processor time used so far, in seconds.
    pub(crate) fn cpu(&self) -> Done<f64> {
        cpu(self.child.id())
    }

    /// Resident memory, in bytes.
    pub(crate) fn resident(&self) -> Done<f64> {
        Self::resident_of(self.child.id())
    }

    /// Resident memory of any process, in bytes.
    pub(crate) fn resident_of(process: u32) -> Done<f64> {
        let statm = fs::read_to_string(format!("/proc/{process}/statm"))?;
        let pages: u64 = statm.split_whitespace().nth(1).ok_or("/proc/PID/statm")?.parse()?;
        Ok((pages * rustix::param::page_size() as u64) as f64)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Processor time a process has used so far, in seconds.
pub(crate) fn cpu(process: u32) -> Done<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The program's name, in parentheses, may hold anything.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |n: usize| fields.get(n).and_then(|field| field.parse::<u64>().ok()).ok_or("/proc/PID/stat");
    Ok((ticks(11)? + ticks(12)?) as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// A host's directories.
pub(crate) struct Setup {
    dir: TempDir,
}

impl Setup {
    /// With these plugin files and presets (name and text).
    pub(crate) fn new(plugins: &[&Path], presets: &[(&str, &str)]) -> Done<Self> {
        let setup = Self::with_settings(SETTINGS, presets)?;
        for plugin in plugins {
            fs::copy(plugin, setup.plugins().join(plugin.file_name().unwrap_or_default()))?;
        }
        Ok(setup)
    }

    /// With these settings and presets, and an empty plugin directory.
    pub(crate) fn with_settings(settings: &str, presets: &[(&str, &str)]) -> Done<Self> {
        let setup = Self { dir: tempfile::tempdir()? };
        for dir in [setup.plugins(), setup.configs().join("presets")] {
            fs::create_dir_all(dir)?;
        }
        fs::write(setup.configs().join("auricle.toml"), settings)?;
        for (name, text) in presets {
            fs::write(setup.configs().join(format!("presets/{name}.json")), text)?;
        }
        Ok(setup)
    }

    /// Starts a host and waits until it is ready.
    pub(crate) fn start(&self) -> Done<Server> {
        self.start_on(&self.plugins(), &[])
    }

    /// As [`start`](Self::start), on another plugin directory and with resource directories.
    pub(crate) fn start_on(&self, plugins: &Path, resources: &[&Path]) -> Done<Server> {
        let mut command = Command::new(from_xtask("AURICLE_HOST")?);
        command.args(["serve", "--listen", "127.0.0.1:0", "--log", "error", "--plugins"]).arg(plugins);
        command.args(resources.iter().flat_map(|folder| ["--resources".as_ref(), folder.as_os_str()]));
        let host = Server::start(command.arg("--configs").arg(self.configs()))?;
        let begun = Instant::now();
        while let Err(problem) = get(&host.address, "/readyz") {
            if begun.elapsed() > READY_LIMIT {
                return Err(problem);
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(host)
    }

    /// The plugin directory.
    pub(crate) fn plugins(&self) -> PathBuf {
        self.dir.path().join("plugins")
    }

    fn configs(&self) -> PathBuf {
        self.dir.path().join("configs")
    }
}
