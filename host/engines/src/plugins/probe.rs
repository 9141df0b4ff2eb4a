//! Tries a plugin in a child process: opening a library runs its code before anything can be checked.
//!
//! The child is this program. It opens the library with all symbols resolved, makes the engines, and writes what it
//! found to a file: the plugin may print what it likes, crash, exit, or never return. It ends with its parent, which
//! holds the other end of its standard input.

use crate::{
    library::{find_library, open_library},
    platform,
    services::Services,
};
use auricle_plugin_api::{
    Manifest,
    host::{HostServices, NotLoadable, ignore_requests_to_stop},
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

/// Reads the manifest of a plugin file or folder and, if that is in order, has `program` open it in a child process.
///
/// # Errors
/// [`NotLoadable`], with the reason.
pub fn examine(
    program: &Path,
    path: &Path,
    resource_dirs: &[PathBuf],
    limit: Duration,
) -> Result<ProbeReport, NotLoadable> {
    find_library(path)?;
    run_child(program, path, resource_dirs, limit).map_err(NotLoadable::Refused)
}

fn run_child(program: &Path, path: &Path, resource_dirs: &[PathBuf], limit: Duration) -> Result<ProbeReport, String> {
    let cannot = |error: io::Error| format!("could not be tried in a child process: {error}");
    let report = tempfile::NamedTempFile::new().map_err(cannot)?;
    let mut command = Command::new(program);
    command.arg("probe-child").arg(path).arg("--report").arg(report.path());
    for dir in resource_dirs {
        command.arg("--resources").arg(dir);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    platform::own_process_group(&mut command);
    let mut child = command.spawn().map_err(cannot)?;
    let status = wait(&mut child, limit).map_err(cannot)?;
    let Some(status) = status else {
        return Err(format!("did not finish loading within {} s", limit.as_secs_f64()));
    };
    let text = fs::read(report.path()).map_err(cannot)?;
    match serde_json::from_slice::<Result<ProbeReport, String>>(&text) {
        Ok(result) => result,
        Err(_) => Err(format!("{} while being loaded", platform::describe_exit(status))),
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
    let result = open_and_describe(path, resource_dirs);
    fs::write(report, serde_json::to_vec(&result)?)?;
    Ok(result.is_ok())
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

fn open_and_describe(path: &Path, resource_dirs: &[PathBuf]) -> Result<ProbeReport, String> {
    let manifest = find_library(path).map(|origin| origin.manifest).map_err(|problem| match problem {
        NotLoadable::NotAPlugin => "is not a plugin".into(),
        NotLoadable::Refused(reason) => reason,
    })?;
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
