//! Clients in Python and JavaScript, published ones and our own, and packages for engines in Python, in environments under
//! the target directory. If one cannot be created, its tests are skipped.

use auricle_plugin_test::skip;
use std::{
    collections::HashMap,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{LazyLock, Mutex},
};

/// The folders of programs by the clients' names; the reason if there is none.
static ENVIRONMENTS: LazyLock<Mutex<HashMap<String, Result<PathBuf, String>>>> = LazyLock::new(Mutex::default);

/// The clients of one server: a folder of `tests/clients` with `requirements.txt`, and `alone.txt` if there are packages
/// that are installed without what they require; and `package.json`, if there are any in JavaScript.
#[derive(Debug, Clone, Copy)]
pub struct PublishedClients(pub &'static str);

impl PublishedClients {
    /// Runs a program of the folder with Python. `None` if there is no environment for it.
    pub fn python(self, program: &str, args: &[&str]) -> Option<Output> {
        let script = self.folder().join(program);
        self.run("python", &[&[script.to_str().unwrap()], args].concat())
    }

    /// Runs a program that is installed in the environment. `None` if there is no environment.
    pub fn run(self, program: &str, args: &[&str]) -> Option<Output> {
        let bin = self.programs().map_err(|problem| skip(format_args!("no {} clients: {problem}", self.0))).ok()?;
        let mut command = Command::new(bin.join(program));
        // Files that a client writes stay in its environment.
        command.args(args).current_dir(&bin);
        // Programs that clients need, such as an `ffmpeg`, are in `bin` beside the folders.
        let path = env::var_os("PATH").unwrap_or_default();
        let path = [self.folder().with_file_name("bin"), bin].into_iter().chain(env::split_paths(&path));
        command.env("PATH", env::join_paths(path).unwrap());
        Some(output(&mut command))
    }

    /// Runs a program of the folder with Node.js, which has the folder of the packages in `NODE_CLIENTS`. `None` if there
    /// is no environment.
    pub fn node(self, program: &str, args: &[&str]) -> Option<Output> {
        let packages = self.packages()?;
        let mut command = Command::new("node");
        Some(output(command.arg(self.folder().join(program)).args(args).env("NODE_CLIENTS", packages)))
    }

    /// The folder of the packages in JavaScript. `None` if they cannot be installed.
    pub fn packages(self) -> Option<PathBuf> {
        self.node_packages()
            .map_err(|problem| skip(format_args!("no {} clients in JavaScript: {problem}", self.0)))
            .ok()
    }

    fn node_packages(self) -> Result<PathBuf, String> {
        let _one_at_a_time = ENVIRONMENTS.lock().unwrap();
        let here = env::current_exe().unwrap();
        let folder = here.ancestors().nth(3).unwrap().join("clients").join(format!("{}-node", self.0));
        let (mark, wanted) = (folder.join("made"), fs::read_to_string(self.folder().join("package.json")).unwrap());
        if fs::read_to_string(&mark).is_ok_and(|made| made == wanted) {
            return Ok(folder);
        }
        fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        fs::write(folder.join("package.json"), &wanted).map_err(|error| error.to_string())?;
        let install = ["install", "--silent", "--no-audit", "--no-fund"];
        succeed(Command::new("npm").args(install).current_dir(&folder))?;
        fs::write(mark, wanted).map_err(|error| error.to_string())?;
        Ok(folder)
    }

    fn folder(self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(self.0)
    }

    /// The environment itself, with its programs in `bin`. `None` if there is none.
    pub fn environment(self) -> Option<PathBuf> {
        let bin = self.programs().map_err(|problem| skip(format_args!("no environment {}: {problem}", self.0))).ok()?;
        bin.parent().map(Path::to_owned)
    }

    fn programs(self) -> Result<PathBuf, String> {
        let mut environments = ENVIRONMENTS.lock().unwrap();
        environments.entry(self.0.to_owned()).or_insert_with(|| self.make()).clone()
    }

    fn make(self) -> Result<PathBuf, String> {
        let here = env::current_exe().unwrap();
        let folder = here.ancestors().nth(3).unwrap().join("clients").join(self.0);
        let (bin, mark, requirements) =
            (folder.join("bin"), folder.join("made"), self.folder().join("requirements.txt"));
        let alone = self.folder().join("alone.txt");
        let wanted = fs::read_to_string(&requirements).unwrap() + &fs::read_to_string(&alone).unwrap_or_default();
        if fs::read_to_string(&mark).is_ok_and(|made| made == wanted) {
            return Ok(bin);
        }
        succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
        let pip = || {
            let mut pip = Command::new(bin.join("python"));
            pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
            pip
        };
        succeed(pip().arg("-r").arg(requirements))?;
        if alone.is_file() {
            succeed(pip().args(["--no-deps", "-r"]).arg(alone))?;
        }
        fs::write(mark, wanted).map_err(|error| error.to_string())?;
        Ok(bin)
    }
}

/// Python in an environment with this repository's client, which is built and installed as users do it. `None` if there
/// is no environment for it; a package that cannot be built is a failure.
pub fn python_client() -> Option<Command> {
    let _one_at_a_time = ENVIRONMENTS.lock().unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../clients/python");
    let here = env::current_exe().unwrap();
    let folder = here.ancestors().nth(3).unwrap().join("clients/auricle");
    let (python, mark) = (folder.join("bin/python"), folder.join("made"));
    let mut files: Vec<_> =
        fs::read_dir(source.join("src/auricle_client")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.is_file());
    files.extend(["pyproject.toml", "README.md"].map(|name| source.join(name)));
    files.sort();
    let wanted: String = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    if fs::read_to_string(&mark).is_ok_and(|made| made == wanted) {
        return Some(Command::new(python));
    }
    let pip = || {
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "--quiet", "--disable-pip-version-check"]);
        pip
    };
    // What it needs, and what builds it, are downloaded.
    let made = succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))
        .and_then(|()| succeed(pip().args(["install", "hatchling", "websockets"])));
    if let Err(problem) = made {
        skip(format_args!("no environment for the client in Python: {problem}"));
        return None;
    }
    let wheels = folder.join("wheels");
    succeed(pip().args(["wheel", "--no-build-isolation", "--no-deps", "--wheel-dir"]).arg(&wheels).arg(&source))
        .unwrap();
    succeed(pip().args(["install", "--no-index", "--find-links"]).arg(&wheels).arg("auricle-client")).unwrap();
    fs::write(mark, wanted).unwrap();
    Some(Command::new(python))
}

/// Node.js with its own `WebSocket`. If there is none, or an old one, the test is skipped.
pub fn node() -> Option<Command> {
    let version = Command::new("node").arg("--version").output().ok();
    let version = version.map(|ran| String::from_utf8_lossy(&ran.stdout).trim().to_owned()).unwrap_or_default();
    let major = version.strip_prefix('v').and_then(|version| version.split('.').next()?.parse::<u32>().ok());
    if major.is_none_or(|major| major < 20) {
        skip(format_args!("no Node.js 20 or later, but `{version}`"));
        return None;
    }
    let mut command = Command::new("node");
    command.args(["--experimental-websocket", "--no-warnings"]);
    Some(command)
}

/// Runs a command; the reason if it fails.
fn succeed(command: &mut Command) -> Result<(), String> {
    match command.output() {
        Ok(ran) if ran.status.success() => Ok(()),
        Ok(ran) => Err(format!("{command:?}: {}", String::from_utf8_lossy(&ran.stderr).trim())),
        Err(error) => Err(format!("{command:?}: {error}")),
    }
}

/// Runs a client without a proxy, since the server is on this machine.
pub fn output(command: &mut Command) -> Output {
    for proxy in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env_remove(proxy);
    }
    command.output().unwrap()
}

/// The output of a program that succeeded.
pub fn printed(ran: Output) -> String {
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap()
}
