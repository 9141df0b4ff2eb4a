//! Probes a plugin in a child process, because opening a library runs its code before anything can be checked.
//!
//! The child is this program. It opens the library with all symbols resolved, creates the engines, and writes its
//! report to a file: the plugin may print anything, crash, exit, or never return. The child ends when its parent ends,
//! which holds the other end of its standard input. Threads: one per probe in the server; the main thread and one that
//! waits for the parent's end in the child.

use super::error::PluginError;
use crate::{
    library::{LibraryError, find_library, open_library},
    platform,
    services::Services,
};
use auricle_plugin_api::{
    Manifest,
    host::{HostServices, ignore_requests_to_stop},
};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

/// The report on a plugin that could be opened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProbeReport {
    /// The plugin's id.
    pub id: String,
    /// The plugin's version.
    pub version: String,
    /// The plugin's description, one line.
    pub description: String,
    /// The plugin API it was built against.
    pub api: String,
    /// The target for which it was compiled.
    pub target: String,
    /// Its engines.
    pub engines: Vec<ProbedEngine>,
}

/// An engine of a [`ProbeReport`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProbedEngine {
    /// The name by which presets select the engine.
    pub backend: String,
    /// The JSON Schema of its configuration.
    pub schema: serde_json::Value,
}

/// The outcome that the child writes to its file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    /// The plugin can be opened.
    Opened(ProbeReport),
    /// The plugin cannot be opened. The reason, in one line.
    Refused(String),
}

/// Reads the manifest of a plugin file or folder. If it is valid, `program` opens the plugin in a child process.
///
/// # Errors
/// Why the plugin is refused.
pub fn examine(
    program: &Path,
    path: &Path,
    resource_dirs: &[PathBuf],
    limit: Duration,
) -> Result<ProbeReport, PluginError> {
    find_library(path)?;
    let report = tempfile::NamedTempFile::new().map_err(PluginError::Child)?;
    let mut command = Command::new(program);
    command.arg("probe-child").arg(path).arg("--report").arg(report.path());
    for dir in resource_dirs {
        command.arg("--resources").arg(dir);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    platform::own_process_group(&mut command);
    let mut child = command.spawn().map_err(PluginError::Child)?;
    let status = wait(&mut child, limit).map_err(PluginError::Child)?.ok_or(PluginError::Slow(limit))?;
    let text = fs::read(report.path()).map_err(PluginError::Child)?;
    match serde_json::from_slice(&text) {
        Ok(Outcome::Opened(report)) => Ok(report),
        Ok(Outcome::Refused(reason)) => Err(PluginError::Refused(reason)),
        Err(_) => Err(PluginError::Died(status)),
    }
}

/// Waits for the child to end. Returns `None` if it exceeded the limit and was killed.
fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<std::process::ExitStatus>> {
    let end = Instant::now() + limit;
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= end {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// Runs in the child: opens the plugin and writes the report. Returns whether the plugin could be opened.
///
/// # Errors
/// The report cannot be written.
pub fn probe_child(path: &Path, resource_dirs: &[PathBuf], report: &Path) -> io::Result<bool> {
    // The signal that stops the server may reach all its processes. It must not look like a fault of the plugin.
    ignore_requests_to_stop()?;
    end_with_parent()?;
    let outcome = match open_and_describe(path, resource_dirs) {
        Ok(report) => Outcome::Opened(report),
        Err(problem) => Outcome::Refused(problem.to_string()),
    };
    fs::write(report, serde_json::to_vec(&outcome)?)?;
    Ok(matches!(outcome, Outcome::Opened(_)))
}

/// Ends this process when its parent ends, even if the plugin hangs.
fn end_with_parent() -> io::Result<()> {
    let (ready, watching) = mpsc::channel();
    thread::Builder::new().name("parent-watch".into()).spawn(move || {
        // From here on this thread must not initialise thread-locals: they need the loader's lock, and a plugin that
        // hangs in its constructor holds it.
        let mut input = io::stdin().lock();
        let _ = ready.send(());
        while input.read(&mut [0; 64]).is_ok_and(|count| count > 0) {}
        // Not `exit`, for the same reason.
        std::process::abort();
    })?;
    // Returns when the thread is ready, or with an error if it has ended.
    let _ = watching.recv();
    Ok(())
}

fn open_and_describe(path: &Path, resource_dirs: &[PathBuf]) -> Result<ProbeReport, LibraryError> {
    let manifest = find_library(path)?.manifest;
    let services = |origin_dir| -> Arc<dyn HostServices> {
        Arc::new(Services { plugin: manifest.id(), origin_dir, resource_dirs: resource_dirs.to_vec() })
    };
    let engines = open_library(path, services)?;
    let engines = engines.iter().map(|engine| ProbedEngine {
        backend: engine.backend().to_owned(),
        schema: serde_json::Value::Object(engine.schema().json().clone()),
    });
    Ok(ProbeReport::new(&manifest, engines.collect()))
}

impl ProbeReport {
    pub(super) fn new(manifest: &Manifest, engines: Vec<ProbedEngine>) -> Self {
        let (major, minor) = manifest.api();
        Self {
            id: manifest.id(),
            version: manifest.version(),
            description: manifest.description(),
            api: format!("{major}.{minor}"),
            target: manifest.target(),
            engines,
        }
    }
}
