//! A server's program, plugin directory, presets and settings.

use super::{Host, Process};
use serde_json::Value;
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

/// The server program: `AURICLE_HOST`, or `auricle` in Cargo's output directory or in the `PATH`.
///
/// # Panics
/// `AURICLE_HOST` names no file.
pub fn host_program() -> PathBuf {
    if let Some(program) = env::var_os("AURICLE_HOST").map(PathBuf::from) {
        assert!(program.exists(), "AURICLE_HOST: {} does not exist", program.display());
        return program;
    }
    let name = format!("auricle{}", env::consts::EXE_SUFFIX);
    // A test program is in `deps` of the output directory.
    let built = env::current_exe().ok().and_then(|test| Some(test.parent()?.parent()?.join(&name)));
    built.filter(|program| program.exists()).unwrap_or_else(|| name.into())
}

/// The server program as a command, without the environment settings of this machine's user.
pub fn auricle() -> Command {
    let mut command = Command::new(host_program());
    for name in ["RUST_BACKTRACE", "RUST_LOG", "AURICLE_URL", "AURICLE_KEY", "AURICLE_CA"] {
        command.env_remove(name);
    }
    command
}

/// A server to start. Clones share the directories.
#[derive(Clone)]
pub struct Setup {
    dir: Arc<tempfile::TempDir>,
    resources: Vec<PathBuf>,
    log: Option<String>,
    command: &'static str,
}

impl Default for Setup {
    fn default() -> Self {
        Self::new()
    }
}

impl Setup {
    /// Creates a server without plugins or presets.
    pub fn new() -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        for name in ["plugins", "resources", "configs/presets"] {
            fs::create_dir_all(dir.path().join(name)).unwrap();
        }
        Self { dir, resources: Vec::new(), log: None, command: "serve" }.settings("")
    }

    /// Adds the file or folder to the plugin directory.
    #[must_use]
    pub fn plugin(self, path: &Path) -> Self {
        place(path, &self.dir.path().join("plugins").join(path.file_name().unwrap()));
        self
    }

    /// Adds a resource directory.
    #[must_use]
    pub fn resource(mut self, folder: &Path) -> Self {
        self.resources.push(folder.to_owned());
        self
    }

    /// Adds a preset.
    #[must_use]
    pub fn preset(self, name: &str, json: &Value) -> Self {
        fs::write(self.path(&format!("configs/presets/{name}.json")), json.to_string()).unwrap();
        self
    }

    /// Adds these lines to `auricle.toml`. By default no model is too busy for another stream, because its load depends
    /// on the machine.
    #[must_use]
    pub fn settings(self, toml: &str) -> Self {
        let idle = "[limits]\nmax_load = 1000.0\n";
        let toml = match toml {
            _ if toml.contains("max_load") => toml.to_owned(),
            _ if toml.contains("[limits]\n") => toml.replacen("[limits]\n", idle, 1),
            _ => format!("{toml}\n{idle}"),
        };
        self.exact_settings(&toml)
    }

    /// Writes these lines to `auricle.toml`, with the defaults for everything else but the cache.
    #[must_use]
    pub fn exact_settings(self, toml: &str) -> Self {
        let text = format!("cache = \"../cache\"\n{toml}\n");
        fs::write(self.path("configs/auricle.toml"), text).unwrap();
        self
    }

    /// Adds all files and folders of a directory to the plugin directory.
    #[must_use]
    pub fn plugins(self, dir: &Path) -> Self {
        let entries = fs::read_dir(dir).unwrap_or_else(|problem| panic!("{}: {problem}", dir.display()));
        entries.fold(self, |setup, entry| setup.plugin(&entry.unwrap().path()))
    }

    /// Sets the log level or directives.
    #[must_use]
    pub fn log(mut self, directives: &str) -> Self {
        self.log = Some(directives.into());
        self
    }

    /// Sets the command that starts it, instead of `serve`: `front` or `engine`.
    #[must_use]
    pub fn role(mut self, command: &'static str) -> Self {
        self.command = command;
        self
    }

    /// A path in the host's own directory: `plugins`, `resources`, `configs/presets`, `cache`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The command that starts the host.
    pub fn command(&self) -> Command {
        let mut command = auricle();
        command.arg(self.command);
        let settings = fs::read_to_string(self.path("configs/auricle.toml")).unwrap_or_default();
        if !settings.contains("[[listeners]]") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        if let Some(log) = &self.log {
            command.args(["--log", log]);
        }
        for name in ["plugins", "resources", "configs"] {
            command.arg(format!("--{name}")).arg(self.path(name));
        }
        for folder in &self.resources {
            command.arg("--resources").arg(folder);
        }
        command
    }

    /// Starts the server and waits until it is ready.
    ///
    /// # Panics
    /// It does not start.
    pub fn start(self) -> Host {
        let command = self.command();
        self.start_by(command)
    }

    /// Like [`start`](Self::start), with a command made from [`command`](Self::command).
    ///
    /// # Panics
    /// Like [`start`](Self::start).
    pub fn start_by(self, command: Command) -> Host {
        self.start_with(command, Stdio::piped())
    }

    /// Like [`start_by`](Self::start_by), with another standard error. The server's log is available only if that is a
    /// new pipe.
    ///
    /// # Panics
    /// Like [`start`](Self::start).
    pub fn start_with(self, command: Command, stderr: impl Into<Stdio>) -> Host {
        Host::new(Process::start_with(command, stderr), self)
    }
}

/// Copies a file or a folder.
pub(super) fn place(source: &Path, target: &Path) {
    if source.is_dir() {
        fs::create_dir_all(target).unwrap();
        for entry in fs::read_dir(source).unwrap() {
            let entry = entry.unwrap();
            place(&entry.path(), &target.join(entry.file_name()));
        }
    } else {
        fs::copy(source, target).unwrap();
    }
}
