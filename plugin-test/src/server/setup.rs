//! A server's program, plugin directory, presets and settings.

use super::{Host, Process};
use serde_json::Value;
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

/// The server program: `AURICLE_HOST`, or `auricle` in Cargo's output directory, or in the `PATH`.
///
/// # Panics
/// Where `AURICLE_HOST` names no file.
pub fn host_program() -> PathBuf {
    if let Some(program) = env::var_os("AURICLE_HOST").map(PathBuf::from) {
        assert!(program.exists(), "AURICLE_HOST: there is no {}", program.display());
        return program;
    }
    let name = format!("auricle{}", env::consts::EXE_SUFFIX);
    // A test program is in `deps` of the output directory.
    let built = env::current_exe().ok().and_then(|test| Some(test.parent()?.parent()?.join(&name)));
    built.filter(|program| program.exists()).unwrap_or_else(|| name.into())
}

/// The server program as a command, without settings of this machine's user.
pub fn auricle() -> Command {
    let mut command = Command::new(host_program());
    for name in ["RUST_BACKTRACE", "RUST_LOG", "AURICLE_URL", "AURICLE_KEY", "AURICLE_CA"] {
        command.env_remove(name);
    }
    command
}

/// A server to be started. Clones share the directories.
#[derive(Clone)]
pub struct Setup {
    dir: Arc<tempfile::TempDir>,
    resources: Vec<PathBuf>,
    log: Option<String>,
}

impl Default for Setup {
    fn default() -> Self {
        Self::new()
    }
}

impl Setup {
    /// Without plugins or presets.
    pub fn new() -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        for name in ["plugins", "resources", "configs/presets"] {
            fs::create_dir_all(dir.path().join(name)).unwrap();
        }
        Self { dir, resources: Vec::new(), log: None }.settings("")
    }

    /// With the file, or folder, in the plugin directory.
    #[must_use]
    pub fn plugin(self, path: &Path) -> Self {
        place(path, &self.dir.path().join("plugins").join(path.file_name().unwrap()));
        self
    }

    /// With a further resource directory.
    #[must_use]
    pub fn resource(mut self, folder: &Path) -> Self {
        self.resources.push(folder.to_owned());
        self
    }

    /// With a preset.
    #[must_use]
    pub fn preset(self, name: &str, json: &Value) -> Self {
        fs::write(self.path(&format!("configs/presets/{name}.json")), json.to_string()).unwrap();
        self
    }

    /// With these lines in `auricle.toml`. Unless they say otherwise no model is too busy for another stream: how busy it is
    /// depends on the machine.
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

    /// With these lines in `auricle.toml`, and the defaults for everything else but the cache.
    #[must_use]
    pub fn exact_settings(self, toml: &str) -> Self {
        let text = format!("cache = \"../cache\"\n{toml}\n");
        fs::write(self.path("configs/auricle.toml"), text).unwrap();
        self
    }

    /// With all files and folders of a directory in the plugin directory.
    #[must_use]
    pub fn plugins(self, dir: &Path) -> Self {
        let entries = fs::read_dir(dir).unwrap_or_else(|problem| panic!("{}: {problem}", dir.display()));
        entries.fold(self, |setup, entry| setup.plugin(&entry.unwrap().path()))
    }

    /// With another log level or directives.
    #[must_use]
    pub fn log(mut self, directives: &str) -> Self {
        self.log = Some(directives.into());
        self
    }

    /// A path in the host's own directory: `plugins`, `resources`, `configs/presets`, `cache`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The command that starts the host.
    pub fn command(&self) -> Command {
        let mut command = auricle();
        command.arg("serve");
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
    /// Where it does not start.
    pub fn start(self) -> Host {
        let command = self.command();
        self.start_by(command)
    }

    /// As [`start`](Self::start), by a command made from [`command`](Self::command).
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub fn start_by(self, command: Command) -> Host {
        self.start_with(command, Stdio::piped())
    }

    /// As [`start_by`](Self::start_by), with another standard error. The server's log is known only where that is a new pipe.
    ///
    /// # Panics
    /// As [`start`](Self::start).
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
