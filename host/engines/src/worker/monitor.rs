//! Monitors a worker process: its output, memory and end, and why it was killed.
//!
//! Invariant: a process that has died stays dead, and how is known from then on. Threads: one hears the control socket,
//! measures memory and takes note of the end, another reads what the engine prints; the rest is for any.

use super::{
    framed::{Received, Receiver, Sender},
    report::{CallNote, Report},
    spec::WorkerSpec,
    wire::Notice,
};
use crate::{platform, services::Services};
use auricle_plugin_api::{Error, Metadata, host::LogLevel};
use auricle_stream::Death;
use std::{
    collections::{BTreeMap, VecDeque},
    io::{BufRead, BufReader, Read},
    process::Child,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

/// How often the watch looks at the worker's memory.
pub(super) const MEASURE_EVERY: Duration = Duration::from_millis(250);
/// For a worker to drop its model when nobody needs it any more.
const RETIRE_WITHIN: Duration = Duration::from_secs(10);
/// For a worker that has closed a socket to end.
const END_WITHIN: Duration = Duration::from_secs(3);
const PRINTED_LINES: usize = 30;
const PRINTED_BYTES: u64 = 2_000;

/// What the host knows of a process; outlives the handle until the process has ended.
#[derive(Debug)]
pub(super) struct WorkerMonitor {
    pub(super) spec: Arc<WorkerSpec>,
    pub(super) pid: u32,
    child: Mutex<Child>,
    calls: Mutex<BTreeMap<u64, CallNote>>,
    begun: AtomicU64,
    /// The last of what the engine printed.
    printed: Mutex<VecDeque<String>>,
    /// What the worker said of the signal that ends it.
    crash: Mutex<Option<(String, Vec<String>)>>,
    /// Why the host ended it.
    kill_reason: OnceLock<String>,
    /// Since when nobody needs it.
    retired: OnceLock<Instant>,
    over: (Mutex<Option<Death>>, Condvar),
}

impl WorkerMonitor {
    pub(super) fn new(spec: Arc<WorkerSpec>, child: Child) -> Self {
        Self {
            spec,
            pid: child.id(),
            child: Mutex::new(child),
            calls: Mutex::default(),
            begun: AtomicU64::new(0),
            printed: Mutex::default(),
            crash: Mutex::default(),
            kill_reason: OnceLock::new(),
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

    /// A call begins; returns the number to [`returned`](Self::returned) it by.
    pub(super) fn begin(&self, note: CallNote) -> u64 {
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        self.calls().insert(number, note);
        number
    }

    pub(super) fn returned(&self, number: u64) {
        self.calls().remove(&number);
    }

    /// Nobody needs it any more.
    pub(super) fn retire(&self) {
        let _ = self.retired.set(Instant::now());
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Ends a process that no thread watches and waits for.
    pub(super) fn end_unwatched(&self) {
        let mut child = self.child();
        let _ = child.kill().and_then(|()| child.wait());
    }

    /// Ends the process, for a reason that its death is told by.
    pub(super) fn end(&self, reason: String) {
        let _ = self.kill_reason.set(reason);
        // Where it cannot be killed it has ended.
        let _ = self.child().kill();
    }

    /// Waits for the end of a process that has been ended, or has closed a socket.
    pub(super) fn death(&self) -> Death {
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
    pub(super) fn watch(
        &self,
        mut control: Sender,
        mut said: Receiver,
        loaded: &mpsc::Sender<Result<Metadata, Error>>,
    ) {
        let (mut measured, mut level) = (Instant::now(), None);
        loop {
            let current = Services::current_level();
            if level.replace(current) != Some(current) {
                // Where it cannot be told it is dying.
                let _ = control.send(&current.number());
            }
            match said.receive::<Notice>() {
                Ok(Received::Message(Notice::Log { level, from, stream, message })) => {
                    self.log(level, &from, stream.as_deref(), &message);
                }
                // Nobody listens after the time limit.
                Ok(Received::Message(Notice::Loaded(metadata))) => drop(loaded.send(read_metadata(&metadata))),
                Ok(Received::Message(Notice::NotLoaded(problem))) => {
                    // It ends by itself.
                    self.retire();
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
        // One that tells how it crashes needs memory to read its own symbols, and is about to end.
        let Some(limit) = self.spec.load.memory_limit.filter(|_| self.crash().is_none()) else { return };
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
        match (self.kill_reason.get(), status) {
            (Some(reason), _) => reason.clone(),
            (None, Ok(status)) => platform::describe_exit(status),
            (None, Err(error)) => format!("cannot be waited for: {error}"),
        }
    }

    fn log(&self, level: u8, from: &str, stream: Option<&str>, message: &str) {
        let in_stream = stream.map(|id| tracing::info_span!("stream", id).entered());
        Services::write(&self.spec.plugin, LogLevel::from_number(level.into()), from, message);
        drop(in_stream);
    }

    /// The thread that reads what the engine prints.
    pub(super) fn read_output(&self, printed: impl Read) {
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
        let text = report.text();
        let (preset, plugin, worker) = (self.spec.load.preset.as_str(), self.spec.plugin.as_str(), self.pid);
        let during = report.during();
        match self.spec.load.reports.write(&self.spec.backend, self.pid, &text) {
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
