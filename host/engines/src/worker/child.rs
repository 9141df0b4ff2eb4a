//! The worker's own side: from its start to the last lane's end.
//!
//! The order matters: the lanes and the setup are taken, what is not needed is given up, and only then is there a second
//! thread or any code of the plugin. The process ends when the host closes the lanes, after dropping the model; when the
//! host is gone it ends at once, whatever the engine does.

use super::{
    files,
    framed::{self, Received, Receiver},
    lanes::{self, ProcessorTable},
    notices::Notices,
    sandbox::{self, Files, SandboxError},
    wire::{self, Notice, Setup},
};
use crate::library::open_library;
use auricle_core::log::describe_panic;
use auricle_plugin_api::{
    Error,
    host::{HostServices, LoadedModel, LogLevel, ignore_requests_to_stop, on_crash},
};
use rustix::process::{Signal, getpid, kill_process};
use std::{
    fs::File,
    io::{self, Write},
    os::{fd::AsFd, unix::net::UnixStream},
    path::PathBuf,
    process::ExitCode,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    thread,
    time::Duration,
};

/// How often lines of the log that the host did not take are offered again.
const OFFER_EVERY: Duration = Duration::from_millis(500);
/// For the last that is said to reach the host.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Runs a worker with so many lanes; its standard input is the control socket.
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

/// Ends this process without running what libraries have registered for its end: nothing is left to be done, and engines'
/// libraries are not made to be taken apart while their threads run.
fn end_now() -> ! {
    // A process may always end itself.
    let _ = kill_process(getpid(), Signal::KILL);
    std::process::abort()
}

fn run(count: usize) -> io::Result<()> {
    // Whoever stops the server may send the signal to all its processes. Streams may still end then.
    ignore_requests_to_stop()?;
    let control = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    // For the plugin's code there is no standard input.
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
    if let Err(problem) = host.give_up_the_rest() {
        host.tell_last(&Notice::NotLoaded(Error::from(problem).into()));
        return Ok(());
    }
    host.serve(receiver)?;
    host.tell_of_crashes();
    let model = match host.load() {
        Ok(model) => model,
        Err(problem) => {
            host.tell_last(&Notice::NotLoaded(problem.into()));
            return Ok(());
        }
    };
    host.tell(&Notice::Loaded(serde_json::to_string(model.metadata())?));
    let table = Arc::new(ProcessorTable::new(model));
    let threads = sockets.into_iter().enumerate().map(|(number, socket)| {
        let table = Arc::clone(&table);
        thread::Builder::new().name(format!("lane-{number}")).spawn(move || table.serve(socket))
    });
    for thread in threads.collect::<io::Result<Vec<_>>>()? {
        // A panic there is in the log.
        let _ = thread.join();
    }
    drop(table);
    host.control().end(LAST_WORDS);
    Ok(())
}

/// The host, as this process sees it.
struct Host {
    control: Mutex<Notices>,
    /// What is worth sending now.
    level: AtomicU8,
    setup: Setup,
}

impl Host {
    fn control(&self) -> MutexGuard<'_, Notices> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, notice: &Notice) {
        self.control().tell(notice);
    }

    /// As [`tell`](Self::tell), before the process ends.
    fn tell_last(&self, notice: &Notice) {
        let mut control = self.control();
        control.tell(notice);
        control.end(LAST_WORDS);
    }

    fn log(&self, level: LogLevel, from: &str, message: String) {
        self.control().log(level, from, lanes::stream_at_work(), message);
    }

    /// Panics of this program; an engine's are told by the engine.
    fn log_panics(self: &Arc<Self>) {
        let host = Arc::clone(self);
        std::panic::set_hook(Box::new(move |info| {
            // Where it panicked in there, the panic itself must not wait for ever.
            if let Ok(mut control) = host.control.try_lock() {
                control.log(LogLevel::Error, "worker", None, describe_panic(info));
            }
        }));
    }

    /// Hears of the log's level, and ends this process when the host is gone.
    fn serve(self: &Arc<Self>, mut control: Receiver) -> io::Result<()> {
        control.limit(OFFER_EVERY)?;
        let host = Arc::clone(self);
        let hear = move || {
            loop {
                match control.receive() {
                    Ok(Received::Message(level)) => host.level.store(level, Ordering::Relaxed),
                    Ok(Received::Nothing) => host.control().push_on(),
                    Ok(Received::Closed) | Err(_) => end_now(),
                }
            }
        };
        thread::Builder::new().name("host-watch".into()).spawn(hear).map(drop)
    }

    /// Enters the sandbox, where it is asked for.
    fn give_up_the_rest(&self) -> Result<(), SandboxError> {
        let Some(read) = self.setup.sandbox.clone() else { return Ok(()) };
        let protection = sandbox::enter(&Files { read, scratch: None })?;
        if let Some(message) = protection.warning() {
            self.log(LogLevel::Warn, "sandbox", message);
        }
        Ok(())
    }

    /// Without it the host sees the signal, but not from where it came.
    fn tell_of_crashes(self: &Arc<Self>) {
        let host = Arc::clone(self);
        let told = on_crash(move |crash| {
            let what = crash.to_string();
            // What matters comes first: finding the frames' names may fail.
            host.tell_last(&Notice::Crashed { what: what.clone(), frames: Vec::new() });
            host.tell_last(&Notice::Crashed { what, frames: crash.frames() });
        });
        if let Err(problem) = told {
            self.log(LogLevel::Warn, "worker", format!("there will be no backtrace: {problem}"));
        }
    }

    fn load(self: &Arc<Self>) -> Result<LoadedModel, Error> {
        let setup = &self.setup;
        let services =
            |origin_dir| -> Arc<dyn HostServices> { Arc::new(Forwarding { host: Arc::clone(self), origin_dir }) };
        let engines = open_library(&setup.plugin, services)?;
        let engine = engines.into_iter().find(|engine| engine.backend() == setup.backend);
        let engine = engine.ok_or_else(|| Error::other(format!("the plugin has no engine `{}`", setup.backend)))?;
        engine.load(&serde_json::from_str(&setup.fields)?)
    }
}

/// The services of a plugin in a worker: log lines go to the host.
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
