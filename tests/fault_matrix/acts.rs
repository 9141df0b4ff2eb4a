//! Disturbs a server while streams are open, and undoes it.

pub(crate) use super::cell::Act;
use super::{cell::Column, stage};
use auricle_tests::{Client, Host, Setup, Variant, library, models, runtime};
use serde_json::json;
use std::{
    fs::{self, File},
    io::{self, Write},
    mem,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

const FAULTY: &str = "libauricle_engine_faulty.so";
/// A plugin that is added while the disk is full.
const LATE: &str = "late.so";
/// Address space in KiB; a healthy server needs a quarter of it.
const ADDRESSES: u32 = 4 << 20;
const DESCRIPTORS: usize = 100;
const DISK: &str = "48m";
/// The file that says how far the clock is set.
const CLOCK: &str = "clock";

/// Starts the server for an act.
pub(crate) fn start(setup: Setup, column: Column, act: Option<Act>) -> Result<Host, String> {
    let command = setup.command();
    Ok(match act {
        Some(Act::LimitAddresses) => setup.start_by(within(&command, &format!("ulimit -v {ADDRESSES}"), "sh")),
        Some(Act::Connect) => setup.start_by(within(&command, &format!("ulimit -n {DESCRIPTORS}"), "sh")),
        Some(Act::FillDisk) => {
            let disk = setup.path("cache");
            fs::create_dir_all(&disk).unwrap();
            let mount = format!("mount -t tmpfs -o size={DISK} tmpfs '{}'", disk.display());
            let mut trial = within(&Command::new("true"), &mount, "unshare");
            if !trial.stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
                return Err("this system lets nobody mount a disk in a namespace of their own".into());
            }
            setup.start_by(within(&command, &mount, "unshare"))
        }
        Some(Act::CutModel) => {
            let setup = with_a_cut_model(setup, column);
            let mut command = setup.command();
            // ONNX Runtime would keep a telemetry database open in the user's home.
            command.env("ORT_DISABLE_TELEMETRY", "1");
            setup.start_by(command)
        }
        Some(Act::CloseLog) => {
            let (_, writer) = io::pipe().unwrap();
            logging_to(setup, writer)
        }
        Some(Act::BlockLog) => {
            let (reader, mut writer) = io::pipe().unwrap();
            // The size of a pipe on Linux.
            writer.write_all(&[b'\n'; 64 << 10]).unwrap();
            // Stays open as long as the tests run.
            mem::forget(reader);
            logging_to(setup, writer)
        }
        Some(Act::SetClock(_)) => {
            let mut command = setup.command();
            fs::write(setup.path(CLOCK), "+0").unwrap();
            command.env("LD_PRELOAD", faketime()?).env("FAKETIME_TIMESTAMP_FILE", setup.path(CLOCK));
            // A clock that is set leaves the time since the start as it is.
            command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
            setup.start_by(command)
        }
        Some(Act::FillLog) => {
            let full = File::options().write(true).open("/dev/full");
            logging_to(setup, full.map_err(|error| format!("/dev/full: {error}"))?)
        }
        _ => setup.start(),
    })
}

/// A library that sets the clock of a process.
fn faketime() -> Result<PathBuf, String> {
    let folders = ["x86_64", "aarch64"].map(|name| format!("/usr/lib/{name}-linux-gnu/faketime"));
    let found = folders.iter().map(|folder| Path::new(folder).join("libfaketimeMT.so.1")).find(|path| path.exists());
    found.ok_or_else(|| "`faketime` is not installed".into())
}

fn logging_to(setup: Setup, stderr: impl Into<Stdio>) -> Host {
    let setup = setup.log("trace");
    let command = setup.command();
    setup.start_with(command, stderr)
}

/// The same command, started by a shell that does something first; the process id stays the same.
fn within(command: &Command, first: &str, shell: &str) -> Command {
    let mut outer = Command::new(shell);
    if shell == "unshare" {
        outer.args(["--user", "--map-root-user", "--mount", "sh"]);
    }
    outer.arg("-c").arg(format!("{first} && exec \"$0\" \"$@\"")).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => outer.env(name, value),
            None => outer.env_remove(name),
        };
    }
    outer
}

/// Adds the repository's model, with its network's file truncated in the middle.
fn with_a_cut_model(setup: Setup, column: Column) -> Setup {
    let folder = setup.path("resources/cut");
    fs::create_dir_all(&folder).unwrap();
    for name in ["model.onnx", "tokens.txt"] {
        let bytes = fs::read(models().join("digits").join(name)).unwrap();
        let length = if name == "model.onnx" { bytes.len() / 2 } else { bytes.len() };
        fs::write(folder.join(name), &bytes[..length]).unwrap();
    }
    let host = json!({"isolation": stage::isolation(column)});
    let preset = json!({"backend": "onnx", "model": "cut", "host": host});
    setup.plugin(&library("onnx")).resource(&runtime()).preset("cut", &preset)
}

/// The preset of the stream that the act affects.
pub(crate) fn preset(act: Act) -> &'static str {
    if act == Act::CutModel { "cut" } else { "faulty" }
}

/// Whether the act happens while the stream is open. Otherwise it happens when the server starts.
pub(crate) fn is_mid_stream(act: Act) -> bool {
    !matches!(act, Act::CutModel | Act::LimitAddresses | Act::CloseLog | Act::BlockLog | Act::FillLog)
}

/// Acts that must still be undone.
#[derive(Default)]
pub(crate) struct Disturbance {
    act: Option<Act>,
    connections: Vec<TcpStream>,
    filler: PathBuf,
}

impl Disturbance {
    /// Does the act, and waits until the server has noticed it, if it can.
    pub(crate) fn begin(&mut self, act: Act, host: &Host) {
        self.act = Some(act);
        let plugin = host.path("plugins").join(FAULTY);
        match act {
            Act::KillWorkers => host.workers().into_iter().for_each(|pid| signal(pid, "KILL")),
            Act::StopWorker => {
                for pid in host.workers().into_iter().filter(is_faulty) {
                    signal(pid, "STOP");
                    host.wait_for("the worker to stop", || is_stopped(pid));
                }
            }
            Act::DeletePlugin => {
                fs::remove_file(plugin).unwrap();
                host.wait_for("the plugin to go", || host.file(FAULTY).is_none());
            }
            Act::OverwritePlugin => {
                fs::write(plugin, "not a library any more").unwrap();
                let file = host.wait_for_file(FAULTY, |file| !file["reason"].is_null());
                assert_eq!(file["state"], "registered", "{file}");
            }
            Act::ReplacePlugin => {
                drop_variant(host, &Variant::of(&library("faulty")).version("9.0.0"), FAULTY);
                host.wait_for_file(FAULTY, |file| file["version"] == "9.0.0");
            }
            Act::FillDisk => {
                // As the server sees it, because it has a mount namespace of its own.
                let disk = host.path("cache");
                let disk = disk.strip_prefix("/").unwrap();
                self.filler = Path::new(&format!("/proc/{}/root", host.pid())).join(disk).join("filler");
                fill(&self.filler);
                drop_variant(host, &late(), LATE);
                let file = host.wait_for_file(LATE, |file| file["state"] == "refused");
                assert!(file["reason"].as_str().unwrap().contains("No space left"), "{file}");
            }
            Act::Connect => {
                self.connections = (0..2 * DESCRIPTORS).map(|_| TcpStream::connect(host.address()).unwrap()).collect();
                host.wait_for("the last descriptor", || host.logged(&["cannot accept a connection"]) > 0);
            }
            Act::SignalAll(name) => {
                host.signal_all(name);
                if name != "HUP" {
                    host.wait_for("the stop", || host.logged(&["stopping: no new streams"]) > 0);
                }
            }
            Act::SignalWorkers(name) => host.workers().into_iter().for_each(|pid| signal(pid, name)),
            Act::LoseStore => fs::remove_dir_all(host.path("resume")).unwrap(),
            Act::DamagePoints => {
                for file in fs::read_dir(host.path("resume")).unwrap().flatten() {
                    let bytes = fs::read(file.path()).unwrap();
                    fs::write(file.path(), &bytes[..bytes.len() / 2]).unwrap();
                }
            }
            Act::SetClock(by) => fs::write(host.path(CLOCK), by).unwrap(),
            Act::LimitAddresses | Act::CutModel | Act::CloseLog | Act::BlockLog | Act::FillLog => {}
            Act::CutConnection | Act::HalfOpen | Act::FullStore => {}
            // See `engine_hosts`.
            Act::SignalEngineHost(_) | Act::LoseEngineHosts => {}
        }
    }

    /// Undoes the act: the server must recover without a restart.
    pub(crate) fn end(&mut self, host: &Host) {
        match self.act.take() {
            Some(Act::DeletePlugin) => {
                let message = Client::start(host, "faulty", json!({})).fails("engine_unavailable", 4503);
                assert!(message.contains("not registered"), "{message}");
                host.drop_in(&library("faulty"), FAULTY);
                host.wait_for_file(FAULTY, |file| file["state"] == "registered");
            }
            Some(Act::FillDisk) => {
                fs::remove_file(&self.filler).unwrap();
                drop_variant(host, &late(), LATE);
                // There is a higher version of the same plugin.
                host.wait_for_file(LATE, |file| file["state"] == "superseded");
            }
            Some(Act::Connect) => {
                self.connections.clear();
                host.wait_for("free descriptors", || stage::descriptors(host) < DESCRIPTORS / 2);
            }
            _ => {}
        }
    }
}

fn late() -> Variant {
    Variant::of(&library("tone")).version("0.0.1")
}

fn drop_variant(host: &Host, variant: &Variant, name: &str) {
    let path = variant.save(&host.path("resources"), name);
    host.drop_in(&path, name);
    fs::remove_file(path).unwrap();
}

/// Whether a worker serves the engine `faulty`.
fn is_faulty(pid: &u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/maps")).is_ok_and(|maps| maps.contains(FAULTY))
}

/// Whether all threads of a process are stopped.
fn is_stopped(pid: u32) -> bool {
    let status = |thread: fs::DirEntry| fs::read_to_string(thread.path().join("status")).unwrap_or_default();
    fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten().all(|thread| status(thread).contains("State:\tT"))
}

fn signal(pid: u32, name: &str) {
    // It may have ended in the meantime.
    let _ = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).stderr(Stdio::null()).status();
}

/// Writes until the disk is full.
fn fill(path: &Path) {
    let mut file = File::create(path).unwrap();
    while file.write_all(&[0; 4_096]).is_ok() {}
}
