//! An engine out of its plugin file, as the server opens it, in this process; and what it tells.
//!
//! Invariant: nothing that an engine is asked for here is done otherwise in a server. Threads: a stream's events on the thread
//! that calls it, log lines from any.

use crate::{Done, from_xtask};
use auricle_plugin_api::{
    Segment,
    host::{EventSink, HostServices, Library, LoadedEngine, LogLevel},
};
use rustix::time::{ClockId, clock_gettime};
use std::{
    env::consts::{DLL_PREFIX, DLL_SUFFIX},
    hint::black_box,
    mem,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// Opens the engine of a backend. Its models are looked for in `models`.
pub(crate) fn open(backend: &str, models: &Path, level: LogLevel) -> Done<(LoadedEngine, Arc<Server>)> {
    let dirs = vec![from_xtask("AURICLE_RUNTIME")?, models.to_owned()];
    let server = Arc::new(Server { dirs, level, lines: Mutex::default() });
    let file = from_xtask("AURICLE_PLUGINS")?.join(format!("{DLL_PREFIX}auricle_engine_{backend}{DLL_SUFFIX}"));
    let engines = Library::open(&file, Arc::clone(&server) as Arc<dyn HostServices>)?.into_engines();
    let engine = engines.into_iter().find(|engine| engine.backend() == backend);
    Ok((engine.ok_or_else(|| format!("no engine `{backend}`"))?, server))
}

/// What an engine sees of a server: resource directories and a log, whose problems are shown and whose other lines are kept.
pub(crate) struct Server {
    dirs: Vec<PathBuf>,
    level: LogLevel,
    lines: Mutex<Vec<String>>,
}

impl Server {
    /// The lines since the last time.
    pub(crate) fn lines(&self) -> Vec<String> {
        mem::take(&mut *self.lines.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl HostServices for Server {
    fn log_level(&self) -> LogLevel {
        self.level
    }

    fn log(&self, level: LogLevel, target: &str, message: &str) {
        if level <= LogLevel::Warn {
            eprintln!("{target}: {message}");
        } else {
            self.lines.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{target}: {message}"));
        }
    }

    fn origin_dir(&self) -> PathBuf {
        PathBuf::new()
    }

    fn resource_dirs(&self) -> Vec<PathBuf> {
        self.dirs.clone()
    }
}

/// What an engine tells a server: the last partial is looked at as a client would, what is final is kept.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) segments: Vec<Segment>,
}

impl Told {
    pub(crate) fn text(&self) -> String {
        self.segments.iter().map(|segment| segment.text()).collect::<Vec<_>>().join(" ")
    }
}

impl EventSink for Told {
    fn partial(&mut self, segment: Segment) {
        black_box(segment);
    }

    fn segment(&mut self, segment: Segment) {
        self.segments.push(segment);
    }

    fn speech_started(&mut self, _: u64) {}

    fn endpoint(&mut self, _: u64) {}

    fn restart_point(&mut self, _: u64, state: &[u8]) {
        black_box(state);
    }
}

/// Processor time of this process so far, in seconds.
pub(crate) fn cpu() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
