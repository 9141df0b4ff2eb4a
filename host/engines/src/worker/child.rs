//! The worker's side: from its start until the last lane is closed.
//!
//! The order matters: the worker receives the lanes and the setup, then enters the sandbox, and only then starts other
//! threads and runs plugin code. When the host closes the lanes, the worker drops the model and ends. When the host is
//! gone, the worker ends at once, even during a call.
//!
//! Threads: the main thread, one per lane, and `host-watch`.

use super::{
    files,
    framed::{self, Received, Receiver},
    gate::GateModel,
    gated::GatedModel,
    lanes::{self, ProcessorTable},
    notices::Notices,
    sandbox::{self, SandboxError},
    wire::{self, Notice, Setup, StageSetup},
};
use crate::{
    library::{locate_library, open_library},
    stages::{Staged, of_stage},
};
use auricle_core::log::describe_panic;
use auricle_plugin_api::{
    Error, Host as Services, Metadata,
    host::{HostServices, Library, LogLevel, ignore_requests_to_stop, on_crash},
};
use auricle_stream::Model;
use rustix::process::{Signal, getpid, kill_process};
use std::{
    collections::{BTreeMap, btree_map::Entry},
    fs::File,
    io::{self, Write},
    os::{fd::AsFd, unix::net::UnixStream},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    thread,
    time::Duration,
};

/// How often log lines that the host did not accept are sent again.
const RETRY_EVERY: Duration = Duration::from_millis(500);
/// How long the last notices may take to reach the host.
const LAST_NOTICES: Duration = Duration::from_secs(1);

/// Runs a worker with this number of lanes. Standard input is the control socket.
pub fn main(lanes: usize) -> ExitCode {
    match run(lanes) {
        Ok(()) => end_now(),
        Err(error) => {
            // Standard error is read by the host.
            let _ = writeln!(io::stderr(), "the worker cannot start: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Ends this process without running exit handlers. Nothing is left to do, and handlers of engines' libraries may crash
/// while their threads still run.
fn end_now() -> ! {
    // A process may always kill itself.
    let _ = kill_process(getpid(), Signal::KILL);
    std::process::abort()
}

fn run(count: usize) -> io::Result<()> {
    // The signal that stops the server may reach all its processes, but streams must still be able to end.
    ignore_requests_to_stop()?;
    let control = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    // The plugin's code must not read the control socket.
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    let sockets = (0..count).map(|_| files::receive(&control)).collect::<io::Result<Vec<_>>>()?;
    let (sender, mut receiver) = framed::split(control)?;
    let setup = match receiver.receive::<Setup>()? {
        Received::Message(setup) if setup.version == wire::VERSION => setup,
        _ => return Err(io::Error::other("another version of this program started it")),
    };
    let level = AtomicU8::new(setup.log_level);
    let host = Arc::new(Host { control: Mutex::new(Notices::new(sender)), level, setup });
    host.log_panics();
    if let Err(problem) = host.enter_sandbox() {
        host.notify_last(&Notice::NotLoaded(Error::from(problem).into()));
        return Ok(());
    }
    host.serve(receiver)?;
    host.report_crashes();
    let model = match host.load() {
        Ok(model) => model,
        Err(problem) => {
            host.notify_last(&Notice::NotLoaded(problem.into()));
            return Ok(());
        }
    };
    host.notify(&Notice::Loaded(serde_json::to_string(model.metadata())?));
    let table = Arc::new(ProcessorTable::new(model));
    let threads = sockets.into_iter().enumerate().map(|(number, socket)| {
        let table = Arc::clone(&table);
        thread::Builder::new().name(format!("lane-{number}")).spawn(move || table.serve(socket))
    });
    for thread in threads.collect::<io::Result<Vec<_>>>()? {
        // A panic of the thread has been logged.
        let _ = thread.join();
    }
    drop(table);
    host.control().end(LAST_NOTICES);
    Ok(())
}

/// The host, as this process sees it.
struct Host {
    control: Mutex<Notices>,
    /// The most detailed log level that the host needs.
    level: AtomicU8,
    setup: Setup,
}

impl Host {
    fn control(&self) -> MutexGuard<'_, Notices> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn notify(&self, notice: &Notice) {
        self.control().notify(notice);
    }

    /// Like [`notify`](Self::notify), but waits until the notice is sent. For the last notice before the process ends.
    fn notify_last(&self, notice: &Notice) {
        let mut control = self.control();
        control.notify(notice);
        control.end(LAST_NOTICES);
    }

    fn log(&self, level: LogLevel, from: &str, message: String) {
        self.control().log(level, from, lanes::current_stream(), message);
    }

    /// Logs panics of this program. The plugin logs panics of its engines.
    fn log_panics(self: &Arc<Self>) {
        let host = Arc::clone(self);
        std::panic::set_hook(Box::new(move |info| {
            // Not `lock`: if the panic happened while the lock was held, it would wait forever.
            if let Ok(mut control) = host.control.try_lock() {
                control.log(LogLevel::Error, "worker", None, describe_panic(info));
            }
        }));
    }

    /// Receives the log level from the host, and ends this process when the host is gone.
    fn serve(self: &Arc<Self>, mut control: Receiver) -> io::Result<()> {
        control.limit(RETRY_EVERY)?;
        let host = Arc::clone(self);
        let receive = move || {
            loop {
                match control.receive() {
                    Ok(Received::Message(level)) => host.level.store(level, Ordering::Relaxed),
                    Ok(Received::Nothing) => host.control().retry(),
                    Ok(Received::Closed) | Err(_) => end_now(),
                }
            }
        };
        thread::Builder::new().name("host-watch".into()).spawn(receive).map(drop)
    }

    /// Enters the sandbox, if the setup requires it.
    fn enter_sandbox(&self) -> Result<(), SandboxError> {
        let Some(allowed) = &self.setup.sandbox else { return Ok(()) };
        let protection = sandbox::enter(allowed)?;
        if let Some(message) = protection.warning() {
            self.log(LogLevel::Warn, "sandbox", message);
        }
        Ok(())
    }

    /// Reports fatal signals to the host. Without this the host would see the signal, but no backtrace.
    fn report_crashes(self: &Arc<Self>) {
        let host = Arc::clone(self);
        let installed = on_crash(move |crash| {
            let what = crash.to_string();
            // The signal first, because finding the frames' names may fail.
            host.notify_last(&Notice::Crashed { what: what.clone(), frames: Vec::new() });
            host.notify_last(&Notice::Crashed { what, frames: crash.frames() });
        });
        if let Err(problem) = installed {
            self.log(LogLevel::Warn, "worker", format!("there will be no backtrace: {problem}"));
        }
    }

    fn load(self: &Arc<Self>) -> Result<Box<dyn Model>, Error> {
        let setup = &self.setup;
        // A plugin is opened once, whatever it is needed for.
        let mut opened: BTreeMap<&Path, Library> = BTreeMap::new();
        for path in [&setup.plugin].into_iter().chain(setup.stages.iter().map(|stage| &stage.plugin)) {
            let services =
                |origin_dir| -> Arc<dyn HostServices> { Arc::new(Forwarding { host: Arc::clone(self), origin_dir }) };
            if let Entry::Vacant(place) = opened.entry(path) {
                place.insert(open_library(path, services)?);
            }
        }
        let engines = opened.get(setup.plugin.as_path()).map(Library::engines).unwrap_or_default();
        let engine = engines.iter().find(|engine| engine.backend() == setup.backend);
        let engine = engine.ok_or_else(|| Error::other(format!("the plugin has no engine `{}`", setup.backend)))?;
        let model = engine.load(&serde_json::from_str(&setup.fields)?)?;
        let model = match self.gate(model.metadata())? {
            Some(gate) => Box::new(GatedModel::new(model, gate)) as Box<dyn Model>,
            None => Box::new(model),
        };
        let stages = setup.stages.iter().map(|StageSetup { plugin, name, fields }| {
            let stages = opened.get(plugin.as_path()).map(Library::stages).unwrap_or_default();
            let stage = stages.iter().find(|stage| stage.name() == name);
            let stage = stage.ok_or_else(|| Error::other(format!("the plugin has no stage `{name}`")))?;
            let loaded = stage.load(&serde_json::from_str(fields)?).map_err(|error| of_stage(name, error))?;
            Ok((name.clone(), loaded))
        });
        Staged::around(model, stages.collect::<Result<_, Error>>()?)
    }

    /// Loads the voice gate, if the setup has one.
    fn gate(self: &Arc<Self>, engine: &Metadata) -> Result<Option<GateModel>, Error> {
        let Some(gate) = &self.setup.voice_gate else { return Ok(None) };
        let origin_dir = locate_library(&self.setup.plugin)?.dir;
        let services = Services::from_services(Arc::new(Forwarding { host: Arc::clone(self), origin_dir }));
        GateModel::load(gate, engine, &services).map(Some)
    }
}

/// The services of a plugin in a worker. Log lines are sent to the host.
struct Forwarding {
    host: Arc<Host>,
    origin_dir: PathBuf,
}

impl HostServices for Forwarding {
    fn log_level(&self) -> LogLevel {
        LogLevel::from_number(self.host.level.load(Ordering::Relaxed).into())
    }

    fn log(&self, level: LogLevel, target: &str, message: &str) {
        self.host.log(level, target, message.to_owned());
    }

    fn origin_dir(&self) -> PathBuf {
        self.origin_dir.clone()
    }

    fn resource_dirs(&self) -> Vec<PathBuf> {
        self.host.setup.resource_dirs.clone()
    }
}
