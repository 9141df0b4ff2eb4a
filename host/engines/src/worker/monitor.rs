//! Monitors a worker process: its output, its memory, its end, and why it was killed.
//!
//! Invariant: once a process is recorded as dead, its cause of death is known and does not change. Threads: one
//! receives from the control socket, measures memory and waits for the end; another reads what the engine prints. Any
//! thread may call the other methods.

use super::{
    framed::{Received, Receiver, Sender},
    report::{CallNote, Report},
    spec::WorkerSpec,
    wire::Notice,
};
use crate::{platform, services::Services};
use auricle_core::metrics::WorkerMeter;
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

/// How often the worker's memory is measured.
pub(super) const MEASURE_EVERY: Duration = Duration::from_millis(250);
/// How long an unused worker may take to drop its model and end.
const RETIRE_WITHIN: Duration = Duration::from_secs(10);
/// How long a worker may take to end after it has closed a socket.
const END_WITHIN: Duration = Duration::from_secs(3);
const PRINTED_LINES: usize = 30;
const PRINTED_BYTES: u64 = 2_000;

/// The host's state of a worker process. It outlives the handle until the process has ended.
#[derive(Debug)]
pub(super) struct WorkerMonitor {
    pub(super) spec: Arc<WorkerSpec>,
    pub(super) pid: u32,
    child: Mutex<Child>,
    calls: Mutex<BTreeMap<u64, CallNote>>,
    begun: AtomicU64,
    /// The last lines that the engine printed.
    printed: Mutex<VecDeque<String>>,
    /// The worker's report on the fatal signal: the signal and the call, and the backtrace.
    crash: Mutex<Option<(String, Vec<String>)>>,
    /// Why the host killed it.
    kill_reason: OnceLock<String>,
    /// Since when it is no longer needed.
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

    /// Records that a call begins. Returns its number for [`returned`](Self::returned).
    pub(super) fn begin(&self, note: CallNote) -> u64 {
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        self.calls().insert(number, note);
        number
    }

    pub(super) fn returned(&self, number: u64) {
        self.calls().remove(&number);
    }

    /// Records that the worker is no longer needed.
    pub(super) fn retire(&self) {
        let _ = self.retired.set(Instant::now());
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Kills a process that has no monitor thread, and waits for its end.
    pub(super) fn kill_unwatched(&self) {
        let mut child = self.child();
        let _ = child.kill().and_then(|()| child.wait());
    }

    /// Kills the process. `reason` becomes its cause of death, unless there is one already.
    pub(super) fn kill(&self, reason: String) {
        let _ = self.kill_reason.set(reason);
        // If it cannot be killed, it has ended.
        let _ = self.child().kill();
    }

    /// Waits for the end of a process that was killed or has closed a socket.
    pub(super) fn death(&self) -> Death {
        let (over, changed) = &self.over;
        let mut over = over.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(death) = &*over {
                return death.clone();
            }
            let (after, waited) = changed.wait_timeout(over, END_WITHIN).unwrap_or_else(PoisonError::into_inner);
            over = after;
            if waited.timed_out() {
                self.kill("closed a lane without ending".into());
            }
        }
    }

    /// The monitor thread.
    pub(super) fn watch(
        &self,
        mut control: Sender,
        mut notices: Receiver,
        loaded: &mpsc::Sender<Result<Metadata, Error>>,
    ) {
        let meter = self.spec.load.metrics.worker_started(&self.spec.load.preset, &self.spec.backend);
        let (mut measured, mut level) = (Instant::now(), None);
        self.measure(&meter);
        loop {
            let current = Services::current_level();
            if level.replace(current) != Some(current) {
                // If the level cannot be sent, the worker is dying.
                let _ = control.send(&current.number());
            }
            match notices.receive::<Notice>() {
                Ok(Received::Message(Notice::Log { level, from, stream, message })) => {
                    self.log(level, &from, stream.as_deref(), &message);
                }
                Ok(Received::Message(Notice::Loaded(metadata))) => {
                    // Before the model gets streams: it may have loaded faster than memory is measured.
                    self.measure(&meter);
                    if self.kill_reason.get().is_none() {
                        // After the time limit there is no receiver.
                        drop(loaded.send(read_metadata(&metadata)));
                    }
                }
                Ok(Received::Message(Notice::NotLoaded(problem))) => {
                    // The worker ends without being killed.
                    self.retire();
                    let _ = loaded.send(Err(problem.into()));
                }
                Ok(Received::Message(Notice::Crashed { what, frames })) => *self.crash() = Some((what, frames)),
                Ok(Received::Nothing) => {}
                Ok(Received::Closed) => break,
                Err(error) => {
                    self.kill(format!("did not keep to the protocol: {error}"));
                    break;
                }
            }
            if measured.elapsed() >= MEASURE_EVERY {
                measured = Instant::now();
                self.measure(&meter);
            }
        }
        let how = self.wait();
        drop(meter);
        let report = (self.retired.get().is_none() || self.crash().is_some()).then(|| self.report(&how));
        // For a model that was not loaded. Otherwise there is no receiver.
        let _ = loaded.send(Err(Error::other(format!("the engine {how} while loading its model"))));
        *self.over.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Death::new(self.pid, how.clone()));
        self.over.1.notify_all();
        // Last: no stream waits for the disk.
        if let Some(report) = report {
            self.write(&report);
        }
    }

    /// Measures the worker's memory. Kills a worker that uses too much, or that does not end in time after it was retired.
    fn measure(&self, meter: &WorkerMeter) {
        if self.retired.get().is_some_and(|since| since.elapsed() > RETIRE_WITHIN) {
            self.kill("did not end when it was no longer needed".into());
        }
        let resident = platform::resident_bytes(self.pid);
        meter.memory(resident.unwrap_or_default());
        // A crashing worker needs memory to read its symbols for the backtrace, and is about to end.
        let Some(limit) = self.spec.load.memory_limit.filter(|_| self.crash().is_none()) else { return };
        if let Some(bytes) = resident.filter(|bytes| *bytes > limit) {
            let (bytes, limit) = (bytes >> 20, limit >> 20);
            self.kill(format!(
                "had {bytes} MiB of memory, of the {limit} it may have (`host.memory_mb`), and was ended"
            ));
        }
    }

    /// Waits for the end after the control socket was closed, and returns the cause. Kills a worker that does not end.
    fn wait(&self) -> String {
        let since = Instant::now();
        let status = loop {
            match self.child().try_wait() {
                Ok(Some(status)) => break Ok(status),
                Err(error) => break Err(error),
                Ok(None) => {}
            }
            if since.elapsed() > END_WITHIN {
                self.kill("closed its control socket without ending".into());
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

    /// The thread that logs what the engine prints.
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

    fn report<'a>(&'a self, how: &'a str) -> Report<'a> {
        let calls: Vec<CallNote> = self.calls().values().cloned().collect();
        let (what, frames) = self.crash().clone().unwrap_or_default();
        let printed = self.printed.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect();
        Report { spec: &self.spec, worker: self.pid, how, what, calls, frames, printed }
    }

    /// Writes the report and logs the death.
    fn write(&self, report: &Report<'_>) {
        let (text, how) = (report.text(), report.how);
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
