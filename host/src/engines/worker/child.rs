//! The worker's own side: from its start to the last lane's end.
//!
//! The order matters: the lanes and the setup are taken, what is not needed is given up, and only then is there a second
//! thread or any code of the plugin. The process ends when the host closes the lanes, after dropping the model; when the
//! host is gone it ends at once, whatever the engine does.

use super::{
    files,
    framed::{self, Received, Receiver, Sender},
    lanes::{self, Shop},
    sandbox::{self, Files},
    wire::{self, Notice, Setup},
};
use crate::engines::library::open_library;
use auricle_plugin_api::{
    Error,
    host::{HostServices, LoadedModel, LogLevel, on_crash},
};
use rustix::process::{Signal, getpid, kill_process};
use std::{
    fs::File,
    io,
    os::{fd::AsFd, unix::net::UnixStream},
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

/// Runs a worker with so many lanes; its standard input is the control socket.
pub fn main(lanes: usize) -> ExitCode {
    match run(lanes) {
        Ok(()) => end_now(),
        Err(error) => {
            // Standard error is read by the host.
            eprintln!("the worker cannot start: {error}");
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
    let control = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    // For the plugin's code there is no standard input.
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    let sockets = (0..count).map(|_| files::receive(&control)).collect::<io::Result<Vec<_>>>()?;
    let (sender, mut receiver) = framed::split(control)?;
    let setup = match receiver.receive::<Setup>()? {
        Received::Message(setup) if setup.version == wire::VERSION => setup,
        _ => return Err(io::Error::other("another version of this program started it")),
    };
    let host = Arc::new(Host { control: Mutex::new(sender), setup });
    if let Err(problem) = host.give_up_the_rest() {
        host.tell(&Notice::NotLoaded(Error::other(problem).into()));
        return Ok(());
    }
    end_with_host(receiver)?;
    host.tell_of_crashes();
    let model = match host.load() {
        Ok(model) => model,
        Err(problem) => {
            host.tell(&Notice::NotLoaded(problem.into()));
            return Ok(());
        }
    };
    host.tell(&Notice::Loaded(serde_json::to_string(model.metadata())?));
    let shop = Arc::new(Shop::new(model));
    let threads = sockets.into_iter().enumerate().map(|(number, socket)| {
        let shop = Arc::clone(&shop);
        thread::Builder::new().name(format!("lane-{number}")).spawn(move || shop.serve(socket))
    });
    for thread in threads.collect::<io::Result<Vec<_>>>()? {
        // A panic there is in the log.
        let _ = thread.join();
    }
    drop(shop);
    Ok(())
}

/// The host says nothing more on the control socket: all that can come is its end.
fn end_with_host(mut control: Receiver) -> io::Result<()> {
    let watch = move || {
        while let Ok(Received::Message(()) | Received::Nothing) = control.receive() {}
        end_now()
    };
    thread::Builder::new().name("host-watch".into()).spawn(watch).map(drop)
}

/// The host, as this process sees it.
struct Host {
    control: Mutex<Sender>,
    setup: Setup,
}

impl Host {
    /// Without a host there is nobody to tell, and nothing to go on for: the watch ends the process.
    fn tell(&self, notice: &Notice) {
        let _ = self.control.lock().unwrap_or_else(PoisonError::into_inner).send(notice);
    }

    /// Enters the sandbox, where it is asked for.
    fn give_up_the_rest(&self) -> Result<(), String> {
        let Some(read) = self.setup.sandbox.clone() else { return Ok(()) };
        let protection = sandbox::enter(&Files { read, scratch: None })?;
        if let Some(message) = protection.warning() {
            self.tell(&Notice::Log { level: LogLevel::Warn.number(), from: "sandbox".into(), stream: None, message });
        }
        Ok(())
    }

    /// Without it the host sees the signal, but not from where it came.
    fn tell_of_crashes(self: &Arc<Self>) {
        let host = Arc::clone(self);
        let told = on_crash(move |crash| {
            let what = crash.to_string();
            // What matters comes first: finding the frames' names may fail.
            host.tell(&Notice::Crashed { what: what.clone(), frames: Vec::new() });
            host.tell(&Notice::Crashed { what, frames: crash.frames() });
        });
        if let Err(problem) = told {
            eprintln!("there will be no backtrace: {problem}");
        }
    }

    fn load(self: &Arc<Self>) -> Result<LoadedModel, Error> {
        let setup = &self.setup;
        let services =
            |origin_dir| -> Arc<dyn HostServices> { Arc::new(Forwarding { host: Arc::clone(self), origin_dir }) };
        let engines = open_library(&setup.plugin, services).map_err(Error::other)?;
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
        LogLevel::from_number(self.host.setup.log_level.into())
    }

    fn log(&self, level: LogLevel, target: &str, message: &str) {
        let (from, message) = (target.to_owned(), message.to_owned());
        self.host.tell(&Notice::Log { level: level.number(), from, stream: lanes::stream_at_work(), message });
    }

    fn origin_dir(&self) -> PathBuf {
        self.origin_dir.clone()
    }

    fn resource_dirs(&self) -> Vec<PathBuf> {
        self.host.setup.resource_dirs.clone()
    }
}
