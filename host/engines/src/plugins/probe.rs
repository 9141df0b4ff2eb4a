//! Probes a plugin in a child process, because opening a library runs its code before anything can be checked.
//!
//! The child is this program. It opens the library with all symbols resolved, creates the engines, and writes its
//! report to a file: the plugin may print anything, crash, exit, or never return. The child ends when its parent ends,
//! which holds the other end of its standard input. Threads: one per probe in the server; the main thread and one that
//! waits for the parent's end in the child.

use super::{error::PluginError, kind::Kind};
use crate::{
    child::{ChildEnd, ChildLimits, end_with_parent, wait},
    library::{LibraryError, find_library, open_library},
    platform,
    services::Services,
};
use auricle_plugin_api::{
    Claims, Manifest,
    host::{HostServices, Library, ignore_requests_to_stop},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
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
    /// What it claims to do and need; absent if it claims nothing.
    #[serde(default)]
    pub claims: Option<Claims>,
    /// Its engines.
    pub engines: Vec<ProbedEngine>,
    /// Its stages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<ProbedStage>,
}

/// A stage of a [`ProbeReport`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProbedStage {
    /// The name by which presets select the stage.
    pub name: String,
    /// The JSON Schema of its configuration.
    pub schema: Value,
    /// Whether it names the files that it needs (`StageLoader::files`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub names_files: bool,
}

/// An engine of a [`ProbeReport`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProbedEngine {
    /// The name by which presets select the engine.
    pub backend: String,
    /// The JSON Schema of its configuration.
    pub schema: Value,
    /// Whether it names the files that a model needs (`ModelLoader::files`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub names_files: bool,
}

/// What the child is asked, besides opening the plugin. The server writes it to the file of the report.
#[derive(Debug, Serialize, Deserialize)]
struct FilesRequest {
    kind: Kind,
    name: String,
    fields: Map<String, Value>,
}

/// The outcome that the child writes to its file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Outcome<T> {
    /// What the plugin reported.
    Opened(T),
    /// The plugin cannot be opened. The reason, in one line.
    Refused(String),
}

/// Reads the manifest and the claims of a plugin file or folder. If they are valid, `program` opens the plugin in a child process.
///
/// # Errors
/// Why the plugin is refused.
pub fn examine(
    program: &Path,
    path: &Path,
    resource_dirs: &[PathBuf],
    limit: Duration,
) -> Result<ProbeReport, PluginError> {
    let claims = find_library(path)?.claims;
    let report = ask_child(program, path, resource_dirs, limit, None)?;
    // Not the child's word for it: the plugin's code runs there.
    Ok(ProbeReport { claims, ..report })
}

/// Has `program` ask an engine or a stage in a child process which files it needs, see `ModelLoader::files`.
///
/// # Errors
/// The plugin's error, or why there is no answer.
pub fn needed_files(
    program: &Path,
    path: &Path,
    resource_dirs: &[PathBuf],
    limit: Duration,
    (kind, name, fields): (Kind, &str, &Map<String, Value>),
) -> Result<Vec<PathBuf>, PluginError> {
    let request = FilesRequest { kind, name: name.to_owned(), fields: fields.clone() };
    ask_child(program, path, resource_dirs, limit, Some(&request))
}

/// Starts the child and waits for its report.
fn ask_child<T: DeserializeOwned>(
    program: &Path,
    path: &Path,
    resource_dirs: &[PathBuf],
    limit: Duration,
    files: Option<&FilesRequest>,
) -> Result<T, PluginError> {
    let report = tempfile::NamedTempFile::new().map_err(PluginError::Child)?;
    let mut command = Command::new(program);
    command.arg("probe-child").arg(path).arg("--report").arg(report.path());
    if let Some(request) = files {
        let request = serde_json::to_vec(request).map_err(PluginError::Fields)?;
        fs::write(report.path(), request).map_err(PluginError::Child)?;
        command.arg("--files");
    }
    for dir in resource_dirs {
        command.arg("--resources").arg(dir);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    platform::own_process_group(&mut command);
    let mut child = command.spawn().map_err(PluginError::Child)?;
    let end = wait(&mut child, ChildLimits { time: limit, memory: None }).map_err(PluginError::Child)?;
    let ChildEnd::Exited(status) = end else { return Err(PluginError::Slow(limit)) };
    let text = fs::read(report.path()).map_err(PluginError::Child)?;
    match serde_json::from_slice(&text) {
        Ok(Outcome::Opened(report)) => Ok(report),
        Ok(Outcome::Refused(reason)) => Err(PluginError::Refused(reason)),
        Err(_) => Err(PluginError::Died(status)),
    }
}

/// Runs in the child: opens the plugin and writes the report, or, with `files`, what the engine or stage in the request at that
/// place needs. Returns whether the plugin could be opened.
///
/// # Errors
/// The report cannot be written.
pub fn probe_child(path: &Path, resource_dirs: &[PathBuf], report: &Path, files: bool) -> io::Result<bool> {
    // The signal that stops the server may reach all its processes. It must not look like a fault of the plugin.
    ignore_requests_to_stop()?;
    end_with_parent()?;
    if files {
        let request: FilesRequest = serde_json::from_slice(&fs::read(report)?)?;
        write_outcome(report, open_and_ask(path, resource_dirs, &request))
    } else {
        write_outcome(report, open_and_describe(path, resource_dirs).map_err(|problem| problem.to_string()))
    }
}

fn write_outcome<T: Serialize>(report: &Path, result: Result<T, String>) -> io::Result<bool> {
    let outcome = match result {
        Ok(report) => Outcome::Opened(report),
        Err(reason) => Outcome::Refused(reason),
    };
    fs::write(report, serde_json::to_vec(&outcome)?)?;
    Ok(matches!(outcome, Outcome::Opened(_)))
}

fn open_and_describe(path: &Path, resource_dirs: &[PathBuf]) -> Result<ProbeReport, LibraryError> {
    let (manifest, library) = open(path, resource_dirs)?;
    let engines = library.engines().iter().map(|engine| ProbedEngine {
        backend: engine.backend().to_owned(),
        schema: Value::Object(engine.schema().json().clone()),
        // An error shows that it reads the configuration.
        names_files: !matches!(engine.files(&Map::new()), Ok(None)),
    });
    let stages = library.stages().iter();
    let stages = stages.map(|stage| ProbedStage {
        name: stage.name().to_owned(),
        schema: Value::Object(stage.schema().json().clone()),
        names_files: !matches!(stage.files(&Map::new()), Ok(None)),
    });
    Ok(ProbeReport::new(&manifest, engines.collect(), stages.collect()))
}

fn open_and_ask(path: &Path, resource_dirs: &[PathBuf], request: &FilesRequest) -> Result<Vec<PathBuf>, String> {
    let (_, library) = open(path, resource_dirs).map_err(|problem| problem.to_string())?;
    let FilesRequest { kind, name, fields } = request;
    let absent = || format!("the plugin has no {kind} `{name}`");
    let files = match kind {
        Kind::Engine => {
            let engine = library.engines().iter().find(|engine| engine.backend() == name);
            engine.ok_or_else(absent)?.files(fields)
        }
        Kind::Stage => library.stages().iter().find(|stage| stage.name() == name).ok_or_else(absent)?.files(fields),
    };
    Ok(files.map_err(|problem| problem.to_string())?.unwrap_or_default())
}

fn open(path: &Path, resource_dirs: &[PathBuf]) -> Result<(Manifest, Library), LibraryError> {
    let manifest = find_library(path)?.manifest;
    let services = |origin_dir| -> Arc<dyn HostServices> {
        Arc::new(Services { plugin: manifest.id(), origin_dir, resource_dirs: resource_dirs.to_vec() })
    };
    let library = open_library(path, services)?;
    Ok((manifest, library))
}

impl ProbeReport {
    pub(super) fn new(manifest: &Manifest, engines: Vec<ProbedEngine>, stages: Vec<ProbedStage>) -> Self {
        let (major, minor) = manifest.api();
        Self {
            id: manifest.id(),
            version: manifest.version(),
            description: manifest.description(),
            api: format!("{major}.{minor}"),
            target: manifest.target(),
            claims: None,
            engines,
            stages,
        }
    }
}
