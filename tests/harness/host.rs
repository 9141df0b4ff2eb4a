//! A host process with a plugin directory, presets and settings of its own.

use super::LIMIT;
use serde_json::Value;
use std::{
    env, fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, channel},
    },
    thread,
    time::{Duration, Instant},
};

/// The host program, as `cargo xtask test` built it.
pub fn host_program() -> PathBuf {
    let program = env::var_os("AURICLE_HOST")
        .map_or_else(|| built(&format!("auricle{}", env::consts::EXE_SUFFIX)), PathBuf::from);
    assert!(program.exists(), "{} is missing: run the tests by `cargo xtask test`", program.display());
    program
}

/// The library of an engine of this workspace: `tone`, `faulty`.
pub fn library(engine: &str) -> PathBuf {
    let (prefix, suffix) = (env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX);
    let path = host_program().with_file_name(format!("{prefix}auricle_engine_{engine}{suffix}"));
    assert!(path.exists(), "{} is missing: run the tests by `cargo xtask test`", path.display());
    path
}

/// A file or folder of the staged plugin directory, such as `pocketsphinx.engine`.
pub fn staged(name: &str) -> PathBuf {
    let plugins = env::var_os("AURICLE_PLUGINS").map_or_else(|| built("plugins"), PathBuf::from);
    let path = plugins.join(name);
    assert!(path.exists(), "{} is missing: run the tests by `cargo xtask test`", path.display());
    path
}

/// A recording of the repository.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(name)
}

/// The folder of ONNX Runtime, which `cargo xtask test` fetches and names.
pub fn runtime() -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/runtime");
    let folder = env::var_os("AURICLE_RUNTIME").map_or_else(beside, PathBuf::from);
    assert!(folder.exists(), "{} is missing: run the tests by `cargo xtask test`", folder.display());
    folder
}

/// The models that come with the repository.
pub fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models")
}

/// The folder of further recordings, if this machine has one: `AURICLE_AUDIO`, or `shared/audio` beside the repository.
pub fn shared_audio() -> Option<PathBuf> {
    beside("AURICLE_AUDIO", "audio")
}

/// The folder of the Free Spoken Digit Dataset, if this machine has it: `AURICLE_DIGITS`, or `shared/digits` beside the
/// repository.
pub fn shared_digits() -> Option<PathBuf> {
    beside("AURICLE_DIGITS", "digits")
}

fn beside(variable: &str, name: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared").join(name);
    let folder = env::var_os(variable).map_or_else(beside, PathBuf::from);
    folder.is_dir().then_some(folder)
}

/// Whether full counts are asked for (`cargo xtask test --long`).
pub fn long() -> bool {
    env::var_os("AURICLE_TEST_LONG").is_some()
}

/// A file of Cargo's output directory: this program is in its `deps`.
fn built(name: &str) -> PathBuf {
    let here = env::current_exe().unwrap();
    here.parent().and_then(Path::parent).unwrap().join(name)
}

/// The host program as a command, without settings of this machine's user.
pub fn auricle() -> Command {
    let mut command = Command::new(host_program());
    for name in ["RUST_BACKTRACE", "RUST_LOG", "AURICLE_URL", "AURICLE_KEY", "AURICLE_CA"] {
        command.env_remove(name);
    }
    command
}

/// A host to be started.
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
        let text = format!("cache = \"../cache\"\n{toml}\n");
        fs::write(self.dir.path().join("configs/auricle.toml"), text).unwrap();
        self
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

    /// Starts the host and waits until it is ready.
    pub fn start(self) -> Host {
        let command = self.command();
        self.start_by(command)
    }

    /// As [`start`](Self::start), by a command made from [`command`](Self::command).
    pub fn start_by(self, command: Command) -> Host {
        self.start_with(command, Stdio::piped())
    }

    /// As [`start_by`](Self::start_by), with another standard error: where it is no new pipe, the host seems to log nothing.
    pub fn start_with(self, mut command: Command, stderr: impl Into<Stdio>) -> Host {
        let mut child = command.stdout(Stdio::piped()).stderr(stderr).spawn().unwrap();
        // The ends of pipes that it holds would keep a reader waiting for more.
        drop(command);
        let log = Arc::new(Mutex::new(String::new()));
        let (err, copy) = (child.stderr.take(), Arc::clone(&log));
        thread::spawn(move || {
            let Some(err) = err else { return };
            // An engine may print what is no text.
            for line in BufReader::new(err).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line);
                eprintln!("host: {line}");
                let mut log = copy.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        let (lines, output) = channel();
        let out = child.stdout.take().unwrap();
        thread::spawn(move || BufReader::new(out).lines().map_while(Result::ok).try_for_each(|line| lines.send(line)));
        // Without a limit: there is a line or an end.
        let first = output.recv().ok();
        let (scheme, address) = first.as_deref().and_then(listening).unwrap_or_default();
        let address = address.to_owned();
        let listeners = Mutex::new((first.iter().cloned().collect(), output));
        let host = Host { child, address, listeners, setup: self, log };
        assert!(!host.address.is_empty(), "the host did not start: {}", host.log());
        // With TLS that is for whoever has the certificate.
        if scheme == "http" {
            host.wait_for("readiness", || host.get("/readyz").0 == 200);
        }
        host
    }
}

/// A running host; killed when dropped.
pub struct Host {
    child: Child,
    address: String,
    /// Lines of its output so far, and those to come.
    listeners: Mutex<(Vec<String>, Receiver<String>)>,
    setup: Setup,
    log: Arc<Mutex<String>>,
}

impl Host {
    /// `127.0.0.1:PORT` of the first listener.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// `127.0.0.1:PORT` of a listener, from 0, in the order of the settings.
    pub fn listener(&self, n: usize) -> String {
        let mut listeners = self.listeners.lock().unwrap();
        let (lines, output) = &mut *listeners;
        while lines.len() <= n {
            let line = output.recv_timeout(LIMIT);
            lines.push(
                line.unwrap_or_else(|_| panic!("no listener {n}, only {lines:?}; the host said:\n{}", self.log())),
            );
        }
        let (_, address) = listening(&lines[n]).unwrap_or_else(|| panic!("no listener: {}", lines[n]));
        address.to_owned()
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A path in the host's own directory: `plugins`, `resources`, `configs/presets`, `cache`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.setup.path(name)
    }

    /// Writes a preset anew, all at once.
    pub fn preset(&self, name: &str, text: &str) {
        let beside = self.path(&format!("{name}.json"));
        fs::write(&beside, text).unwrap();
        fs::rename(&beside, self.path(&format!("configs/presets/{name}.json"))).unwrap();
    }

    /// Puts a file or folder into the plugin directory under a name, as an operator would: copied beside and moved.
    pub fn drop_in(&self, source: &Path, name: &str) {
        let beside = self.path(&format!("incoming-{name}"));
        place(source, &beside);
        let target = self.path("plugins").join(name);
        if target.is_dir() {
            fs::remove_dir_all(&target).unwrap();
        }
        fs::rename(&beside, &target).unwrap();
    }

    /// Everything logged so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// How many lines of the log hold all of these texts.
    pub fn logged(&self, texts: &[&str]) -> usize {
        self.log().lines().filter(|line| texts.iter().all(|text| line.contains(text))).count()
    }

    /// Status and body of a GET.
    pub fn get(&self, path: &str) -> (u16, String) {
        let mut socket = TcpStream::connect(&self.address).unwrap();
        write!(socket, "GET {path} HTTP/1.1\r\nHost: auricle\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        (status, answer.split_once("\r\n\r\n").map_or(String::new(), |(_, body)| body.to_owned()))
    }

    /// The JSON body of a GET.
    pub fn json(&self, path: &str) -> Value {
        let (status, body) = self.get(path);
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// What `/v1/engines` says of a file, if anything.
    pub fn file(&self, name: &str) -> Option<Value> {
        let report = self.json("/v1/engines");
        report["files"].as_array().unwrap().iter().find(|file| file["file"] == name).cloned()
    }

    /// Waits until `/v1/engines` says of a file what is wanted, and returns it.
    pub fn wait_for_file(&self, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.wait_for(name, || self.file(name).is_some_and(|file| wanted(&file)));
        self.file(name).unwrap()
    }

    /// What `/v1/presets` says of a preset, if anything.
    pub fn preset_report(&self, name: &str) -> Option<Value> {
        let report = self.json("/v1/presets");
        report["presets"].as_array().unwrap().iter().find(|preset| preset["name"] == name).cloned()
    }

    /// Waits until `/v1/presets` says of a preset what is wanted, and returns it.
    pub fn wait_for_preset(&self, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.wait_for(name, || self.preset_report(name).is_some_and(|preset| wanted(&preset)));
        self.preset_report(name).unwrap()
    }

    /// Waits until something is so; fails, with the host's log, if that takes too long.
    pub fn wait_for(&self, what: &str, so: impl Fn() -> bool) {
        let begun = Instant::now();
        while !so() {
            assert!(begun.elapsed() < LIMIT, "waited in vain for {what}; the host said:\n{}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Of the host's memory, what `/proc` calls this, in bytes: `VmRSS` is resident, `VmHWM` the most that ever was. `None` where the
    /// system does not tell.
    pub fn memory(&self, name: &str) -> Option<u64> {
        memory(self.pid(), name)
    }

    /// Resident memory of the host and its workers, in bytes. `None` where the system does not tell.
    pub fn resident(&self) -> Option<u64> {
        let own = self.memory("VmRSS")?;
        Some(own + self.workers().into_iter().filter_map(|pid| memory(pid, "VmRSS")).sum::<u64>())
    }

    /// Its worker processes, those that have ended but were not yet waited for left out.
    pub fn workers(&self) -> Vec<u32> {
        let parent = format!("PPid:\t{}", self.pid());
        let is_worker = |pid: &u32| {
            let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
            let status = read("status");
            status.lines().any(|line| line == parent)
                && !status.contains("State:\tZ")
                && read("cmdline").split('\0').nth(1) == Some("worker")
        };
        let pids = fs::read_dir("/proc").unwrap().flatten();
        pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(is_worker).collect()
    }

    /// Kills a worker as the out-of-memory killer would.
    pub fn kill_worker(&self, pid: u32) {
        // It may have ended meanwhile.
        let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).stderr(Stdio::null()).status();
    }

    /// The crash reports.
    pub fn crash_reports(&self) -> Vec<String> {
        let dir = fs::read_dir(self.path("cache/crashes"));
        let mut paths: Vec<_> = dir.into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        paths.sort();
        paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
    }

    /// Sends a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        self.send(name, &self.pid().to_string());
    }

    /// Sends a signal to all processes of its group. For a host that was started in a group of its own.
    pub fn signal_group(&self, name: &str) {
        self.send(name, &format!("-{}", self.pid()));
    }

    /// Sends a signal to it and to all of its workers.
    pub fn signal_all(&self, name: &str) {
        self.workers().into_iter().chain([self.pid()]).for_each(|pid| self.send(name, &pid.to_string()));
    }

    fn send(&self, signal: &str, whom: &str) {
        assert!(Command::new("kill").args([&format!("-{signal}"), "--", whom]).status().unwrap().success());
    }

    /// Waits for the process to end.
    pub fn wait(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < LIMIT, "the host does not end; it said:\n{}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Another host in the same directories, once this one has ended.
    pub fn again(mut self) -> Self {
        self.wait();
        let Setup { dir, resources, log } = &self.setup;
        Setup { dir: Arc::clone(dir), resources: resources.clone(), log: log.clone() }.start()
    }

    /// Asks the host to stop and waits for its end.
    pub fn stop(mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Scheme and address of a line such as `listening on ws://127.0.0.1:8771 (vosk)`.
fn listening(line: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = line.strip_prefix("listening on ")?.split_once("://")?;
    Some((scheme, rest.split_whitespace().next()?))
}

fn memory(pid: u32, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? << 10)
}

fn place(source: &Path, target: &Path) {
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
