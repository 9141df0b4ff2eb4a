//! The host's handle of a worker process: starts it, makes calls, ends it when dropped.
//!
//! Invariant: a call ends with the worker's response, or the process is killed. So a free lane has no unread input.
//! Threads: the model's threads make calls, one per lane; [`WorkerMonitor`] has its own threads.

use super::{
    files,
    framed::{self, Received, Receiver, Sender},
    monitor::{MEASURE_EVERY, WorkerMonitor},
    report::CallNote,
    spec::{StageSpec, WorkerSpec},
    wire::{self, Answer, Request, Setup, StageSetup},
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

/// How often a call checks whether it was cancelled.
const CHECK_EVERY: Duration = Duration::from_millis(50);

/// Why a call failed although the worker still runs.
#[derive(Debug, thiserror::Error)]
enum Breach {
    #[error("did not keep to the protocol: {0}")]
    Protocol(io::Error),
    #[error("did not keep to the protocol: an event of a stream that was not in the call")]
    ForeignEvent,
    #[error("did not return from {what} within {} s and was ended", .limit.as_secs_f64())]
    Late { what: &'static str, limit: Duration },
}

/// A worker that runs or has died. When the handle is dropped, the worker finishes its running calls and ends.
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
    /// The engine's error, or how the process ended.
    pub(super) fn start(spec: &Arc<WorkerSpec>) -> Result<Self, Error> {
        let cannot = |error: io::Error| Error::other(format!("cannot start a worker process: {error}"));
        let (monitor, lanes, (control, notices)) = spawn(spec).map_err(cannot)?;
        let (report, loaded) = mpsc::channel();
        let (watching, name) = (Arc::clone(&monitor), format!("worker-{}", monitor.pid));
        let watch = move || watching.watch(control, notices, &report);
        if let Err(error) = thread::Builder::new().name(name).spawn(watch) {
            monitor.kill_unwatched();
            return Err(cannot(error));
        }
        // From here on, dropping `process` on an error ends the worker.
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
                process.monitor.kill(format!("did not load its model within {} s", spec.load.load_limit.as_secs_f64()));
                return Err(Error::other(format!("the engine {}", process.monitor.death())));
            }
        };
        tracing::debug!(preset = spec.load.preset, worker = process.monitor.pid, "worker started");
        Ok(process)
    }

    pub(super) fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The number of a new processor.
    pub(super) fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// Its memory in bytes, if it runs and the system reports it.
    pub(super) fn resident_bytes(&self) -> Option<u64> {
        platform::resident_bytes(self.monitor.pid)
    }

    pub(super) fn is_dead(&self) -> bool {
        self.monitor.is_over()
    }

    /// Makes a call. Events go to the sinks as they arrive.
    ///
    /// # Errors
    /// How the worker died, during the call or before it.
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
                // The lane's state is unknown now, so the worker is killed. A worker that closed the lane is already
                // dying.
                if let Some(breach) = breach {
                    self.monitor.kill(breach.to_string());
                }
                let death = self.monitor.death();
                self.lanes().push(lane);
                self.freed.notify_one();
                Err(death)
            }
        }
    }

    /// Sends the request and receives events until the outcome.
    ///
    /// # Errors
    /// `None` if the worker has closed the lane.
    fn converse(
        &self,
        lane: &mut Lane,
        what: &'static str,
        request: &Request<'_>,
        sinks: &mut [&mut dyn EventSink],
    ) -> Result<Vec<Result<(), Error>>, Option<Breach>> {
        let load = &self.monitor.spec.load;
        let opens = matches!(request, Request::Open { .. });
        let limit = if opens && self.metadata.loads_per_stream { load.load_limit } else { load.call_limit };
        let since = Instant::now();
        if let Err(error) = lane.sender.send(request) {
            return Err(match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Some(Breach::Late { what, limit }),
                io::ErrorKind::InvalidInput => Some(Breach::Protocol(error)),
                _ => None,
            });
        }
        let mut cancelled = false;
        loop {
            match lane.receiver.receive::<Answer<'_>>() {
                Ok(Received::Message(Answer::Event { place, event })) => match sinks.get_mut(place as usize) {
                    Some(sink) => event.send_to(*sink),
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
            if !cancelled && !sinks.is_empty() && sinks.iter().all(|sink| sink.cancelled()) {
                cancelled = true;
                // If it cannot be sent, the worker is dying, which the next read shows.
                let _ = lane.sender.send(&Request::Cancel);
            }
        }
    }

    /// Takes a free lane. Each model thread has one; another thread that drops a processor may have to wait.
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
        // The lanes are closed when their field is dropped. The monitor thread does the rest.
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
        // Other variables may be secret, and the engine could read them.
        command.env_clear().envs(env::vars_os().filter(|(name, _)| is_harmless(name)));
    }
    // ONNX Runtime would keep a telemetry database in the user's home.
    command.env("ORT_DISABLE_TELEMETRY", "1");
    command.stdin(Stdio::from(OwnedFd::from(far_control))).stderr(output.try_clone()?).stdout(output);
    platform::own_process_group(&mut command);
    let child = command.spawn()?;
    // While the command holds the far ends, the host would not notice that the worker has closed them.
    drop(command);
    let monitor = Arc::new(WorkerMonitor::new(Arc::clone(spec), child));
    let talk = || -> io::Result<_> {
        let mut lanes = Vec::with_capacity(spec.load.lanes);
        for _ in 0..spec.load.lanes {
            let (near, far) = UnixStream::pair()?;
            files::send(&control, &far)?;
            let (sender, receiver) = framed::split(near)?;
            sender.limit(spec.load.call_limit)?;
            receiver.limit(CHECK_EVERY)?;
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
            stages: spec.stages.iter().map(setup).collect(),
            log_level: Services::current_level().number(),
            sandbox: spec.load.sandbox.then(|| spec.allowed()),
            voice_gate: spec.load.voice_gate,
        })?;
        let reading = Arc::clone(&monitor);
        thread::Builder::new().name("worker-output".into()).spawn(move || reading.read_output(printed))?;
        Ok((lanes, (sender, receiver)))
    };
    match talk() {
        Ok((lanes, control)) => Ok((monitor, lanes, control)),
        Err(error) => {
            monitor.kill_unwatched();
            Err(error)
        }
    }
}

fn setup(stage: &StageSpec) -> StageSetup {
    let StageSpec { path, name, fields } = stage;
    let fields = Value::Object(fields.clone()).to_string();
    StageSetup { plugin: path.clone(), name: name.clone(), fields }
}

/// Whether an environment variable is useful to libraries and not secret.
fn is_harmless(name: &OsStr) -> bool {
    const NAMES: &[&str] = &["HOME", "LANG", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PATH", "TMPDIR", "TZ"];
    const FAMILIES: &[&str] = &["CUDA_", "LC_", "OMP_", "ORT_", "RUST_"];
    name.to_str().is_some_and(|name| NAMES.contains(&name) || FAMILIES.iter().any(|family| name.starts_with(family)))
}
