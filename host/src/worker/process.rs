//! A worker process as the host sees it: started, listened to, ended.
//!
//! Invariants: every way out of a call that is not the worker's answer ends the process, so a lane that is free is
//! silent; a process that has died stays dead. Threads: calls come from the model's threads, one on each lane; one thread
//! hears the control socket, measures memory and takes note of the end, another reads what the engine prints.

use super::{
    files,
    framed::{self, Received, Receiver, Sender},
    reports::{CallNote, Report},
    spec::{Death, WorkerSpec},
    wire::{self, Answer, Notice, Request, Setup},
};
use crate::{platform, plugins::Services};
use auricle_plugin_api::{
    Error, Metadata,
    host::{EventSink, LogLevel},
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, VecDeque},
    env,
    ffi::OsStr,
    io::{self, BufRead, BufReader, Read},
    os::{fd::OwnedFd, unix::net::UnixStream},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

/// How often a call looks whether somebody still waits for it, and the watch at the worker's memory.
const LOOK_EVERY: Duration = Duration::from_millis(50);
const MEASURE_EVERY: Duration = Duration::from_millis(250);
/// For a worker to drop its model when nobody needs it any more.
const RETIRE_WITHIN: Duration = Duration::from_secs(10);
/// For a worker that has closed a socket to end.
const END_WITHIN: Duration = Duration::from_secs(3);
const PRINTED_LINES: usize = 30;
const PRINTED_BYTES: u64 = 2_000;

/// A running worker, or one that has died. Dropped, it may finish what it is at and ends.
#[derive(Debug)]
pub(super) struct Process {
    life: Arc<Life>,
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
        let (life, lanes, control) = spawn(spec).map_err(cannot)?;
        let (tell, loaded) = mpsc::channel();
        let (watching, name) = (Arc::clone(&life), format!("worker-{}", life.pid));
        let watch = move || watching.watch(control, &tell);
        if let Err(error) = thread::Builder::new().name(name).spawn(watch) {
            // Nobody else would wait for it.
            let mut child = life.child();
            let _ = child.kill().and_then(|()| child.wait());
            return Err(cannot(error));
        }
        // Ended on every way out from here, except the last.
        let mut process = Self {
            life,
            lanes: Mutex::new(lanes),
            freed: Condvar::new(),
            metadata: Metadata::default(),
            numbers: AtomicU64::new(0),
        };
        process.metadata = match loaded.recv_timeout(spec.load.load_limit) {
            Ok(loaded) => loaded?,
            Err(_) => {
                process.life.end(format!("did not load its model within {} s", spec.load.load_limit.as_secs_f64()));
                return Err(Error::other(format!("the engine {}", process.life.death())));
            }
        };
        tracing::debug!(preset = spec.load.preset, worker = process.life.pid, "worker started");
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
        self.life.over.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
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
        let number = self.life.begin(note);
        let outcome = self.converse(&mut lane, what, request, sinks);
        match outcome {
            Ok(outcomes) => {
                self.life.calls().remove(&number);
                self.lanes().push(lane);
                self.freed.notify_one();
                Ok(outcomes)
            }
            Err(reason) => {
                // What is not known to have answered is not spoken to again. A worker that closed the lane is dying by itself.
                if let Some(reason) = reason {
                    self.life.end(reason);
                }
                let death = self.life.death();
                self.lanes().push(lane);
                self.freed.notify_one();
                Err(death)
            }
        }
    }

    fn converse(
        &self,
        lane: &mut Lane,
        what: &str,
        request: &Request<'_>,
        sinks: &mut [&mut dyn EventSink],
    ) -> Result<Vec<Result<(), Error>>, Option<String>> {
        let limit = self.life.spec.load.call_limit;
        let broken = |problem: String| Some(format!("did not keep to the protocol: {problem}"));
        let late = || Some(format!("did not return from {what} within {} s and was ended", limit.as_secs_f64()));
        let since = Instant::now();
        if let Err(error) = lane.sender.send(request) {
            return Err(match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => late(),
                io::ErrorKind::InvalidInput => broken(error.to_string()),
                _ => None,
            });
        }
        let mut told = false;
        loop {
            match lane.receiver.receive::<Answer>() {
                Ok(Received::Message(Answer::Event { place, event })) => match sinks.get_mut(place as usize) {
                    Some(sink) => event.tell(*sink),
                    None => return Err(broken("an event of a stream that was not in the call".into())),
                },
                Ok(Received::Message(Answer::Over(outcomes))) => {
                    return Ok(outcomes.into_iter().map(|outcome| outcome.map_err(Error::from)).collect());
                }
                Ok(Received::Nothing) => {}
                Ok(Received::Closed) => return Err(None),
                Err(error) => return Err(broken(error.to_string())),
            }
            if since.elapsed() > limit {
                return Err(late());
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
        let _ = self.life.retired.set(Instant::now());
    }
}

fn spawn(spec: &Arc<WorkerSpec>) -> io::Result<(Arc<Life>, Vec<Lane>, Receiver)> {
    let (control, far_control) = UnixStream::pair()?;
    let (printed, output) = io::pipe()?;
    let mut command = Command::new(platform::this_program()?);
    command.arg("worker").arg("--lanes").arg(spec.load.lanes.to_string());
    if spec.load.sandbox {
        // What else is in there may be secret, and the engine could read it.
        command.env_clear().envs(env::vars_os().filter(|(name, _)| is_harmless(name)));
    }
    // ONNX Runtime would keep a database of its own use in the user's home.
    command.env("ORT_DISABLE_TELEMETRY", "1");
    command.stdin(Stdio::from(OwnedFd::from(far_control))).stderr(output.try_clone()?).stdout(output);
    let child = command.spawn()?;
    // The far ends that the command holds would keep the worker's end from being seen.
    drop(command);
    let life = Arc::new(Life::new(Arc::clone(spec), child));
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
            log_level: Services::current_level() as u8,
            sandbox: spec.load.sandbox.then(|| spec.files()),
        })?;
        let reading = Arc::clone(&life);
        thread::Builder::new().name("worker-output".into()).spawn(move || reading.read_output(printed))?;
        Ok((lanes, receiver))
    };
    match talk() {
        Ok((lanes, receiver)) => Ok((life, lanes, receiver)),
        Err(error) => {
            let mut child = life.child();
            let _ = child.kill().and_then(|()| child.wait());
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

/// What the host knows of a process; outlives the handle until the process has ended.
#[derive(Debug)]
struct Life {
    spec: Arc<WorkerSpec>,
    pid: u32,
    child: Mutex<Child>,
    calls: Mutex<BTreeMap<u64, CallNote>>,
    begun: AtomicU64,
    /// The last of what the engine printed.
    printed: Mutex<VecDeque<String>>,
    /// What the worker said of the signal that ends it.
    crash: Mutex<Option<(String, Vec<String>)>>,
    /// Why the host ended it.
    sentence: OnceLock<String>,
    /// Since when nobody needs it.
    retired: OnceLock<Instant>,
    over: (Mutex<Option<Death>>, Condvar),
}

impl Life {
    fn new(spec: Arc<WorkerSpec>, child: Child) -> Self {
        Self {
            spec,
            pid: child.id(),
            child: Mutex::new(child),
            calls: Mutex::default(),
            begun: AtomicU64::new(0),
            printed: Mutex::default(),
            crash: Mutex::default(),
            sentence: OnceLock::new(),
            retired: OnceLock::new(),
            over: Default::default(),
        }
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn calls(&self) -> MutexGuard<'_, BTreeMap<u64, CallNote>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn crash(&self) -> MutexGuard<'_, Option<(String, Vec<String>)>> {
        self.crash.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, note: CallNote) -> u64 {
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        self.calls().insert(number, note);
        number
    }

    /// Ends the process, for a reason that its death is told by.
    fn end(&self, reason: String) {
        let _ = self.sentence.set(reason);
        // Where it cannot be killed it has ended.
        let _ = self.child().kill();
    }

    /// Waits for the end of a process that has been ended, or has closed a socket.
    fn death(&self) -> Death {
        let (over, told) = &self.over;
        let mut over = over.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(death) = &*over {
                return death.clone();
            }
            let (after, waited) = told.wait_timeout(over, END_WITHIN).unwrap_or_else(PoisonError::into_inner);
            over = after;
            if waited.timed_out() {
                self.end("closed a lane without ending".into());
            }
        }
    }

    /// The watching thread.
    fn watch(&self, mut control: Receiver, loaded: &mpsc::Sender<Result<Metadata, Error>>) {
        let mut measured = Instant::now();
        loop {
            match control.receive::<Notice>() {
                Ok(Received::Message(Notice::Log { level, from, stream, message })) => {
                    self.log(level, &from, stream.as_deref(), &message);
                }
                // Nobody listens after the time limit.
                Ok(Received::Message(Notice::Loaded(metadata))) => drop(loaded.send(read_metadata(&metadata))),
                Ok(Received::Message(Notice::NotLoaded(problem))) => {
                    // It ends by itself.
                    let _ = self.retired.set(Instant::now());
                    let _ = loaded.send(Err(problem.into()));
                }
                Ok(Received::Message(Notice::Crashed { what, frames })) => *self.crash() = Some((what, frames)),
                Ok(Received::Nothing) => {}
                Ok(Received::Closed) => break,
                Err(error) => {
                    self.end(format!("did not keep to the protocol: {error}"));
                    break;
                }
            }
            if measured.elapsed() >= MEASURE_EVERY {
                measured = Instant::now();
                self.measure();
            }
        }
        let how = self.wait();
        if self.retired.get().is_none() || self.crash().is_some() {
            self.report(&how);
        }
        // Where its model was never loaded.
        let _ = loaded.send(Err(Error::other(format!("the engine {how} while loading its model"))));
        *self.over.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Death::new(self.pid, how));
        self.over.1.notify_all();
    }

    /// Ends a worker that has too much memory, or that takes too long to go.
    fn measure(&self) {
        if self.retired.get().is_some_and(|since| since.elapsed() > RETIRE_WITHIN) {
            self.end("did not end by itself when nobody needed it any more".into());
        }
        let Some(limit) = self.spec.load.memory_limit else { return };
        if let Some(bytes) = platform::resident_bytes(self.pid).filter(|bytes| *bytes > limit) {
            let (bytes, limit) = (bytes >> 20, limit >> 20);
            self.end(format!(
                "had {bytes} MiB of memory, of the {limit} it may have (`host.memory_mb`), and was ended"
            ));
        }
    }

    /// How it ended; ends it first if the control socket is closed and it does not go.
    fn wait(&self) -> String {
        let since = Instant::now();
        let status = loop {
            match self.child().try_wait() {
                Ok(Some(status)) => break Ok(status),
                Err(error) => break Err(error),
                Ok(None) => {}
            }
            if since.elapsed() > END_WITHIN {
                self.end("closed its control socket without ending".into());
            }
            thread::sleep(Duration::from_millis(2));
        };
        match (self.sentence.get(), status) {
            (Some(reason), _) => reason.clone(),
            (None, Ok(status)) => platform::describe_exit(status),
            (None, Err(error)) => format!("cannot be waited for: {error}"),
        }
    }

    fn log(&self, level: u8, from: &str, stream: Option<&str>, message: &str) {
        let in_stream = stream.map(|id| tracing::info_span!("stream", id).entered());
        Services::write(&self.spec.plugin, Services::level(level), from, message);
        drop(in_stream);
    }

    fn read_output(&self, printed: impl Read) {
        let mut printed = BufReader::new(printed);
        loop {
            let mut line = Vec::new();
            match printed.by_ref().take(PRINTED_BYTES).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            Services::write(&self.spec.plugin, LogLevel::Info, "printed", &line);
            let mut lines = self.printed.lock().unwrap_or_else(PoisonError::into_inner);
            lines.push_back(line);
            if lines.len() > PRINTED_LINES {
                lines.pop_front();
            }
        }
    }

    fn report(&self, how: &str) {
        let calls: Vec<CallNote> = self.calls().values().cloned().collect();
        let (what, frames) = self.crash().clone().unwrap_or_default();
        let printed = self.printed.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect();
        let report = Report { spec: &self.spec, worker: self.pid, how, what, calls, frames, printed };
        let (preset, plugin, worker) = (self.spec.load.preset.as_str(), self.spec.plugin.as_str(), self.pid);
        let during = report.during();
        match self.spec.load.reports.write(&report) {
            Ok(path) => {
                tracing::error!(preset, plugin, worker, report = %path.display(), "a worker {how} {during}");
            }
            Err(error) => {
                tracing::error!(preset, plugin, worker, "a worker {how} {during}; no report: {error}");
            }
        }
    }
}

fn read_metadata(json: &str) -> Result<Metadata, Error> {
    Ok(serde_json::from_str(json)?)
}
