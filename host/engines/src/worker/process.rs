//! A worker process in the host's hands: started, called, dropped.
//!
//! Invariants: every way out of a call that is not the worker's answer ends the process, so a lane that is free is silent.
//! Threads: calls come from the model's threads, one on each lane; [`WorkerMonitor`] has threads of its own.

use super::{
    files,
    framed::{self, Received, Receiver, Sender},
    monitor::{MEASURE_EVERY, WorkerMonitor},
    report::CallNote,
    spec::WorkerSpec,
    wire::{self, Answer, Request, Setup},
};
use crate::{platform, services::Services};
use auricle_plugin_api::{Error, Metadata, host::EventSink};
use auricle_stream::Death;
use serde_json::Value;
use std::{
    env,
    ffi::OsStr,
    io,
    os::{fd::OwnedFd, unix::net::UnixStream},
    process::{Command, Stdio},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

/// How often a call looks whether somebody still waits for it.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How a worker that still runs failed a call.
#[derive(Debug, thiserror::Error)]
enum Breach {
    #[error("did not keep to the protocol: {0}")]
    Protocol(io::Error),
    #[error("did not keep to the protocol: an event of a stream that was not in the call")]
    ForeignEvent,
    #[error("did not return from {what} within {} s and was ended", .limit.as_secs_f64())]
    Late { what: &'static str, limit: Duration },
}

/// A running worker, or one that has died. Dropped, it may finish what it is at and ends.
#[derive(Debug)]
pub(super) struct Process {
    monitor: Arc<WorkerMonitor>,
    lanes: Mutex<Vec<Lane>>,
    freed: Condvar,
    metadata: Metadata,
    numbers: AtomicU64,
}

#[derive(Debug)]
struct Lane {
    sender: Sender,
    receiver: Receiver,
}

impl Process {
    /// Starts a worker and waits until its model is loaded.
    ///
    /// # Errors
    /// The engine's, or what became of the process.
    pub(super) fn start(spec: &Arc<WorkerSpec>) -> Result<Self, Error> {
        let cannot = |error: io::Error| Error::other(format!("cannot start a worker process: {error}"));
        let (monitor, lanes, (control, said)) = spawn(spec).map_err(cannot)?;
        let (tell, loaded) = mpsc::channel();
        let (watching, name) = (Arc::clone(&monitor), format!("worker-{}", monitor.pid));
        let watch = move || watching.watch(control, said, &tell);
        if let Err(error) = thread::Builder::new().name(name).spawn(watch) {
            monitor.end_unwatched();
            return Err(cannot(error));
        }
        // Ended on every way out from here, except the last.
        let mut process = Self {
            monitor,
            lanes: Mutex::new(lanes),
            freed: Condvar::new(),
            metadata: Metadata::default(),
            numbers: AtomicU64::new(0),
        };
        process.metadata = match loaded.recv_timeout(spec.load.load_limit) {
            Ok(loaded) => loaded?,
            Err(_) => {
                process.monitor.end(format!("did not load its model within {} s", spec.load.load_limit.as_secs_f64()));
                return Err(Error::other(format!("the engine {}", process.monitor.death())));
            }
        };
        tracing::debug!(preset = spec.load.preset, worker = process.monitor.pid, "worker started");
        Ok(process)
    }

    pub(super) fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// For a new processor.
    pub(super) fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn is_dead(&self) -> bool {
        self.monitor.is_over()
    }

    /// Carries out a call; events go to the sinks as they come.
    ///
    /// # Errors
    /// How the worker died of it, or before.
    pub(super) fn call(
        &self,
        note: CallNote,
        request: &Request<'_>,
        sinks: &mut [&mut dyn EventSink],
    ) -> Result<Vec<Result<(), Error>>, Death> {
        let mut lane = self.take_lane();
        let what = note.call;
        let number = self.monitor.begin(note);
        let outcome = self.converse(&mut lane, what, request, sinks);
        match outcome {
            Ok(outcomes) => {
                self.monitor.returned(number);
                self.lanes().push(lane);
                self.freed.notify_one();
                Ok(outcomes)
            }
            Err(breach) => {
                // What is not known to have answered is not spoken to again. A worker that closed the lane is dying by itself.
                if let Some(breach) = breach {
                    self.monitor.end(breach.to_string());
                }
                let death = self.monitor.death();
                self.lanes().push(lane);
                self.freed.notify_one();
                Err(death)
            }
        }
    }

    /// # Errors
    /// `None` where the worker has closed the lane.
    fn converse(
        &self,
        lane: &mut Lane,
        what: &'static str,
        request: &Request<'_>,
        sinks: &mut [&mut dyn EventSink],
    ) -> Result<Vec<Result<(), Error>>, Option<Breach>> {
        let limit = self.monitor.spec.load.call_limit;
        let since = Instant::now();
        if let Err(error) = lane.sender.send(request) {
            return Err(match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Some(Breach::Late { what, limit }),
                io::ErrorKind::InvalidInput => Some(Breach::Protocol(error)),
                _ => None,
            });
        }
        let mut told = false;
        loop {
            match lane.receiver.receive::<Answer<'_>>() {
                Ok(Received::Message(Answer::Event { place, event })) => match sinks.get_mut(place as usize) {
                    Some(sink) => event.tell(*sink),
                    None => return Err(Some(Breach::ForeignEvent)),
                },
                Ok(Received::Message(Answer::Over(outcomes))) => {
                    return Ok(outcomes.into_iter().map(|outcome| outcome.map_err(Error::from)).collect());
                }
                Ok(Received::Nothing) => {}
                Ok(Received::Closed) => return Err(None),
                Err(error) => return Err(Some(Breach::Protocol(error))),
            }
            if since.elapsed() > limit {
                return Err(Some(Breach::Late { what, limit }));
            }
            if !told && !sinks.is_empty() && sinks.iter().all(|sink| sink.cancelled()) {
                told = true;
                // Where it cannot be told it is dying: the answer will say so.
                let _ = lane.sender.send(&Request::Cancel);
            }
        }
    }

    /// There is a lane for each of the model's threads; a processor dropped by another thread may have to wait.
    fn take_lane(&self) -> Lane {
        let mut lanes = self.lanes();
        loop {
            match lanes.pop() {
                Some(lane) => return lane,
                None => lanes = self.freed.wait(lanes).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn lanes(&self) -> MutexGuard<'_, Vec<Lane>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The lanes close with the last field; the watch sees to the rest.
        self.monitor.retire();
    }
}

/// The host's end of the control socket.
type Control = (Sender, Receiver);

fn spawn(spec: &Arc<WorkerSpec>) -> io::Result<(Arc<WorkerMonitor>, Vec<Lane>, Control)> {
    let (control, far_control) = UnixStream::pair()?;
    let (printed, output) = io::pipe()?;
    let mut command = Command::new(&spec.load.program);
    command.arg("worker").arg("--lanes").arg(spec.load.lanes.to_string());
    if spec.load.sandbox {
        // What else is in there may be secret, and the engine could read it.
        command.env_clear().envs(env::vars_os().filter(|(name, _)| is_harmless(name)));
    }
    // ONNX Runtime would keep a database of its own use in the user's home.
    command.env("ORT_DISABLE_TELEMETRY", "1");
    command.stdin(Stdio::from(OwnedFd::from(far_control))).stderr(output.try_clone()?).stdout(output);
    platform::own_process_group(&mut command);
    let child = command.spawn()?;
    // The far ends that the command holds would keep the worker's end from being seen.
    drop(command);
    let monitor = Arc::new(WorkerMonitor::new(Arc::clone(spec), child));
    let talk = || -> io::Result<_> {
        let mut lanes = Vec::with_capacity(spec.load.lanes);
        for _ in 0..spec.load.lanes {
            let (near, far) = UnixStream::pair()?;
            files::send(&control, &far)?;
            let (sender, receiver) = framed::split(near)?;
            sender.limit(spec.load.call_limit)?;
            receiver.limit(LOOK_EVERY)?;
            lanes.push(Lane { sender, receiver });
        }
        let (mut sender, receiver) = framed::split(control)?;
        receiver.limit(MEASURE_EVERY)?;
        sender.send(&Setup {
            version: wire::VERSION,
            plugin: spec.path.clone(),
            resource_dirs: spec.resource_dirs.clone(),
            backend: spec.backend.clone(),
            fields: Value::Object(spec.load.fields.clone()).to_string(),
            log_level: Services::current_level().number(),
            sandbox: spec.load.sandbox.then(|| spec.files()),
        })?;
        let reading = Arc::clone(&monitor);
        thread::Builder::new().name("worker-output".into()).spawn(move || reading.read_output(printed))?;
        Ok((lanes, (sender, receiver)))
    };
    match talk() {
        Ok((lanes, control)) => Ok((monitor, lanes, control)),
        Err(error) => {
            monitor.end_unwatched();
            Err(error)
        }
    }
}

/// Whether a variable of the environment is of use to libraries and no secret.
fn is_harmless(name: &OsStr) -> bool {
    const NAMES: &[&str] = &["HOME", "LANG", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PATH", "TMPDIR", "TZ"];
    const FAMILIES: &[&str] = &["LC_", "OMP_", "ORT_", "RUST_"];
    name.to_str().is_some_and(|name| NAMES.contains(&name) || FAMILIES.iter().any(|family| name.starts_with(family)))
}
