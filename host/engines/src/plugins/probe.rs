//! Tries a plugin in a child process: opening a library runs its code before anything can be checked.
//!
//! The child is this program. It opens the library with all symbols resolved, makes the engines, and writes what it
//! found to a file: the plugin may print what it likes, crash, exit, or never return. It ends with its parent, which
//! holds the other end of its standard input.

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

/// What a plugin turned out to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProbeReport {
    /// The plugin's id.
    pub id: String,
    /// The plugin's version.
    pub version: String,
    /// One line on it.
    pub description: String,
    /// The plugin API it was built against.
    pub api: String,
    /// What it was compiled for.
    pub target: String,
    /// Its engines: backend names with their schemas.
    pub engines: Vec<ProbedEngine>,
}

/// An engine of a [`ProbeReport`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProbedEngine {
    /// The name presets choose it by.
    pub backend: String,
    /// Its configuration, a JSON Schema.
    pub schema: serde_json::Value,
}

/// What the child writes to its file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    /// It can be opened.
    Opened(ProbeReport),
    /// It cannot; one line says why.
    Refused(String),
}

/// Reads the manifest of a plugin file or folder and, if that is in order, has `program` open it in a child process.
///
/// # Errors
/// What is wrong with it.
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

/// The child's end, or `None` where it had to be killed.
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

/// The child's work: opens the plugin and writes the report. Returns whether it could be opened.
///
/// # Errors
/// Where the report cannot be written.
pub fn probe_child(path: &Path, resource_dirs: &[PathBuf], report: &Path) -> io::Result<bool> {
    // Whoever stops the server may send the signal to all its processes: that says nothing of the plugin.
    ignore_requests_to_stop()?;
    end_with_parent()?;
    let outcome = match open_and_describe(path, resource_dirs) {
        Ok(report) => Outcome::Opened(report),
        Err(problem) => Outcome::Refused(problem.to_string()),
    };
    fs::write(report, serde_json::to_vec(&outcome)?)?;
    Ok(matches!(outcome, Outcome::Opened(_)))
}

/// Ends this process when its parent ends, whatever the plugin does.
fn end_with_parent() -> io::Result<()> {
    let (ready, watching) = mpsc::channel();
    thread::Builder::new().name("parent-watch".into()).spawn(move || {
        // Nothing more may be set up from here on: a plugin that hangs in its constructor holds the loader's lock, and
        // thread-locals wait for that.
        let mut input = io::stdin().lock();
        let _ = ready.send(());
        while input.read(&mut [0; 64]).is_ok_and(|count| count > 0) {}
        // Not `exit`, for the same reason.
        std::process::abort();
    })?;
    // The thread sends, or has died and said so.
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
