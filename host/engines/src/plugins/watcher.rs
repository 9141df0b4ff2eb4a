//! Watches the plugin directories and keeps the registry up to date.
//!
//! Threads: each file is copied and probed on its own thread, so that a plugin that hangs does not delay others. Only
//! the watcher thread writes the registry.
//!
//! It compares fingerprints every 100 ms. This works on every file system, detects every kind of change, and takes a
//! few microseconds. A file is probed once its fingerprint has not changed for 200 ms. A refused file is probed again
//! when it changes, or when anything in the plugin or resource directories changes.

use super::{
    Plugin, Registry,
    copy::{CopyStore, PluginCopy},
    error::PluginError,
    grants::Grants,
    probe::{ProbeReport, examine},
    registry::NO_MANIFEST,
    scan::{self, Fingerprint},
    settings::DiscoverySettings,
    trust::Trust,
};
use crate::{
    library::{LibraryError, Origin, find_library},
    worker::Quarantine,
};
use std::{
    collections::{BTreeMap, HashMap},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{Receiver, Sender, TryRecvError, channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use tokio::sync::watch;

const LOOK_EVERY: Duration = Duration::from_millis(100);
const STABLE_FOR: Duration = Duration::from_millis(200);
/// Resource directories may be large, and only refused plugins depend on them.
const RESOURCES_EVERY: Duration = Duration::from_secs(2);
const RESOURCES_DEPTH: usize = 3;
/// A file that takes longer to probe does not delay the server's readiness.
const LATE_AFTER: Duration = Duration::from_secs(2);

/// The progress of the scan at the start, of the files that are present then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstScan {
    /// Files are being probed.
    Running,
    /// Files are still being probed after 2 s.
    Late,
    /// Every file is registered or refused.
    Done,
}

/// The watcher thread. Dropping it ends the thread and deletes the private copies.
#[derive(Debug)]
pub struct Watcher {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    first_scan: watch::Receiver<FirstScan>,
}

impl Watcher {
    /// Starts to watch.
    ///
    /// # Errors
    /// The directory for private copies cannot be created, or a plugin directory cannot be read.
    pub fn start(settings: &DiscoverySettings, registry: Arc<Registry>) -> io::Result<Self> {
        let mut state = Watching::new(settings, registry)?;
        state.look(Duration::ZERO)?;
        let (stop, stopped) = channel();
        let (progress, first_scan) = watch::channel(FirstScan::Running);
        let run = move || state.run(&stopped, &progress);
        let thread = thread::Builder::new().name("plugin-watcher".into()).spawn(run)?;
        Ok(Self { stop: Some(stop), thread: Some(thread), first_scan })
    }

    /// The progress of the scan at the start.
    pub fn first_scan(&self) -> watch::Receiver<FirstScan> {
        self.first_scan.clone()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // The closed channel ends it. A panic of the thread has been logged.
            let _ = thread.join();
        }
    }
}

/// Examines the directories once, without a server. The engines in the registry can check configurations; their models
/// cannot be loaded, because the private copies are deleted.
///
/// # Errors
/// See [`Watcher::start`].
pub fn look_once(settings: &DiscoverySettings) -> io::Result<Arc<Registry>> {
    let registry = Arc::new(Registry::new(settings.backends.clone()));
    let mut state = Watching::new(settings, Arc::clone(&registry))?;
    state.look(Duration::ZERO)?;
    while state.probing > 0 {
        state.settle(LOOK_EVERY);
    }
    Ok(registry)
}

struct Watching {
    registry: Arc<Registry>,
    copies: Arc<CopyStore>,
    grants: Grants,
    trust: Trust,
    program: PathBuf,
    plugin_dirs: Vec<PathBuf>,
    resource_dirs: Vec<PathBuf>,
    probe_limit: Duration,
    files: HashMap<PathBuf, Watched>,
    /// One plugin per content: an opened library stays open until the process ends, and its quarantine record is kept.
    known: HashMap<String, Arc<Plugin>>,
    quarantine: (usize, Duration),
    /// When the resource directories were last read.
    resources_seen: Instant,
    /// The number of files being probed now.
    probing: usize,
    probed: (Sender<Probed>, Receiver<Probed>),
}

/// The outcome of probing a file.
struct Probed {
    path: PathBuf,
    /// The file's fingerprint when the probe began.
    fingerprint: Fingerprint,
    /// The fingerprint of the resource directories when the probe began.
    resources: Fingerprint,
    result: Result<(PluginCopy, ProbeReport), PluginError>,
}

struct Watched {
    fingerprint: Fingerprint,
    since: Instant,
    verdict: Verdict,
    /// The fingerprint of the resource directories when the file was probed.
    resources: Fingerprint,
}

impl Watched {
    fn new(fingerprint: Fingerprint, since: Instant) -> Self {
        Self { fingerprint, since, verdict: Verdict::Pending, resources: Fingerprint::default() }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Verdict {
    Pending,
    Probing,
    Taken,
    Refused,
    Ignored,
}

impl Watching {
    fn new(settings: &DiscoverySettings, registry: Arc<Registry>) -> io::Result<Self> {
        Ok(Self {
            registry,
            copies: Arc::new(CopyStore::new(settings.cache.as_deref())?),
            grants: settings.grants.clone(),
            trust: Trust::new(&settings.pins).map_err(io::Error::other)?,
            program: settings.program.clone(),
            plugin_dirs: settings.plugins.clone(),
            resource_dirs: settings.resources.clone(),
            probe_limit: settings.probe_limit,
            files: HashMap::new(),
            known: HashMap::new(),
            quarantine: (settings.quarantine_streams, settings.quarantine_window),
            resources_seen: Instant::now(),
            probing: 0,
            probed: channel(),
        })
    }

    fn run(mut self, stopped: &Receiver<()>, progress: &watch::Sender<FirstScan>) {
        let begun = Instant::now();
        let mut silent = false;
        while stopped.try_recv() == Err(TryRecvError::Empty) {
            self.settle(LOOK_EVERY);
            progress.send_if_modified(|scan| {
                let next = match *scan {
                    FirstScan::Done => FirstScan::Done,
                    _ if self.probing == 0 => FirstScan::Done,
                    _ if begun.elapsed() > LATE_AFTER => FirstScan::Late,
                    known => known,
                };
                std::mem::replace(scan, next) != next
            });
            match self.look(STABLE_FOR) {
                Ok(()) => silent = false,
                Err(error) if !silent => {
                    tracing::error!("cannot look for plugins: {error}; registered plugins stay");
                    silent = true;
                }
                Err(_) => {}
            }
        }
    }

    /// Waits for `pause`, or until a file has been probed. Handles all outcomes.
    fn settle(&mut self, pause: Duration) {
        // This struct has both ends of the channel, so it cannot be closed.
        let mut next = self.probed.1.recv_timeout(pause).ok();
        while let Some(probed) = next {
            self.probing -= 1;
            self.decide(probed);
            next = self.probed.1.try_recv().ok();
        }
    }

    /// One scan: records changes, probes files that have been stable for long enough, forgets missing files.
    fn look(&mut self, stable_for: Duration) -> io::Result<()> {
        let mut found = BTreeMap::new();
        for dir in &self.plugin_dirs {
            let in_dir =
                |error: io::Error| io::Error::new(error.kind(), format!("plugin directory {}: {error}", dir.display()));
            found.extend(scan::candidates(dir).map_err(in_dir)?);
        }
        let mut changed = self.forget_missing(&found);
        self.look_at_resources();
        let now = Instant::now();
        for (path, fingerprint) in found {
            let watched = self.files.entry(path).or_insert_with(|| {
                changed = true;
                Watched::new(Fingerprint::default(), now)
            });
            if watched.fingerprint != fingerprint {
                *watched = Watched::new(fingerprint, now);
                changed = true;
            }
        }
        if changed {
            for watched in self.files.values_mut().filter(|watched| watched.verdict == Verdict::Refused) {
                watched.verdict = Verdict::Pending;
            }
        }
        let ready = |watched: &Watched| watched.verdict == Verdict::Pending && now - watched.since >= stable_for;
        let mut due: Vec<_> =
            self.files.iter().filter(|(_, watched)| ready(watched)).map(|(path, _)| path.clone()).collect();
        due.sort();
        for path in due {
            self.start_probe(&path);
        }
        Ok(())
    }

    /// Copies and probes a file on its own thread.
    fn start_probe(&mut self, path: &Path) {
        let Some(watched) = self.files.get_mut(path) else { return };
        let (path, fingerprint) = (path.to_owned(), watched.fingerprint.clone());
        let (copies, grants, trust) = (Arc::clone(&self.copies), self.grants.clone(), self.trust.clone());
        let (program, dirs, limit) = (self.program.clone(), self.resource_dirs.clone(), self.probe_limit);
        let report = self.probed.0.clone();
        let job = move || {
            let resources = fingerprint_of(&dirs);
            let result = copy_plugin(&copies, &grants, &trust, &path).and_then(|copy| {
                let report = examine(&program, &copy.path, &dirs, limit)?;
                Ok((copy, report))
            });
            // The receiver is gone when the server has stopped.
            let _ = report.send(Probed { path, fingerprint, resources, result });
        };
        match thread::Builder::new().name("plugin-probe".into()).spawn(job) {
            Ok(_) => {
                watched.verdict = Verdict::Probing;
                self.probing += 1;
            }
            Err(error) => tracing::error!("cannot start a thread to probe a plugin: {error}"),
        }
    }

    fn decide(&mut self, probed: Probed) {
        let Probed { path, fingerprint, resources, result } = probed;
        let current = self.files.get(&path).is_some_and(|watched| watched.fingerprint == fingerprint);
        if !current {
            // Changed or deleted meanwhile: the next scan handles it.
            return;
        }
        let loaded = result.and_then(|(copy, report)| self.enter(copy, report));
        let verdict = self.take(&path, loaded);
        if let Some(watched) = self.files.get_mut(&path) {
            watched.verdict = verdict;
            watched.resources = resources;
        }
    }

    /// Forgets files that were deleted. Returns whether there were any.
    fn forget_missing(&mut self, found: &BTreeMap<PathBuf, Fingerprint>) -> bool {
        let gone: Vec<_> = self.files.keys().filter(|path| !found.contains_key(*path)).cloned().collect();
        let any = !gone.is_empty();
        for path in gone {
            self.files.remove(&path);
            let lost = self.registry.remove(&path);
            tracing::info!(file = %path.display(), backends = ?lost, "plugin file removed; running streams finish");
        }
        any
    }

    /// Marks refused files for another probe if the resource directories have changed since the last one.
    fn look_at_resources(&mut self) {
        let refused = |watched: &Watched| watched.verdict == Verdict::Refused;
        if self.resources_seen.elapsed() < RESOURCES_EVERY || !self.files.values().any(refused) {
            return;
        }
        let resources = fingerprint_of(&self.resource_dirs);
        for watched in self.files.values_mut().filter(|watched| refused(watched) && watched.resources != resources) {
            watched.verdict = Verdict::Pending;
        }
        self.resources_seen = Instant::now();
    }

    fn take(&self, path: &Path, loaded: Result<Arc<Plugin>, PluginError>) -> Verdict {
        let file = path.display();
        match loaded {
            Ok(plugin) => {
                let (id, version) = (plugin.manifest.id(), plugin.manifest.version());
                let backends = self.registry.admit(path, plugin);
                tracing::info!(%file, plugin = id, version, backends = ?backends, "plugin loaded");
                Verdict::Taken
            }
            Err(PluginError::Library(LibraryError::NotAPlugin)) if self.registry.has_plugin(path) => {
                self.refuse(path, NO_MANIFEST.into())
            }
            Err(PluginError::Library(LibraryError::NotAPlugin)) => {
                tracing::debug!(%file, "a library without a plugin manifest: not a plugin");
                self.registry.set_aside(path);
                Verdict::Ignored
            }
            Err(problem) => self.refuse(path, problem.to_string()),
        }
    }

    fn refuse(&self, path: &Path, reason: String) -> Verdict {
        tracing::warn!(file = %path.display(), "plugin refused: {reason}");
        self.registry.refuse(path, reason);
        Verdict::Refused
    }

    /// The plugin of a private copy that was probed successfully.
    fn enter(&mut self, copy: PluginCopy, report: ProbeReport) -> Result<Arc<Plugin>, PluginError> {
        let PluginCopy { sha256, path } = copy;
        if let Some(plugin) = self.known.get(&sha256) {
            return Ok(Arc::clone(plugin));
        }
        let Origin { manifest, .. } = find_library(&path)?;
        let (most, window) = self.quarantine;
        let quarantine = Quarantine::new(format!("{} {}", report.id, report.version), most, window);
        let plugin = Plugin::new(manifest, report, path, &sha256, &self.resource_dirs, quarantine)?;
        let plugin = Arc::new(plugin);
        self.known.insert(sha256, Arc::clone(&plugin));
        Ok(plugin)
    }
}

/// Deletes the copies now, because a probe thread that hangs also holds the store.
impl Drop for Watching {
    fn drop(&mut self) {
        self.copies.remove();
    }
}

fn fingerprint_of(resource_dirs: &[PathBuf]) -> Fingerprint {
    let mut all = Fingerprint::default();
    for dir in resource_dirs {
        all.extend(Fingerprint::of(dir, RESOURCES_DEPTH).unwrap_or_default());
    }
    all
}

/// Copies a plugin, if it is granted what it needs and may run. Runs none of its code.
fn copy_plugin(copies: &CopyStore, grants: &Grants, trust: &Trust, path: &Path) -> Result<PluginCopy, PluginError> {
    // The manifest first: other files need not be copied.
    find_library(path)?;
    let copy = copies.copy(path).map_err(PluginError::Copy)?;
    let Origin { manifest, claims, .. } = find_library(&copy.path)?;
    grants.check(&manifest.id(), claims.as_ref())?;
    trust.check(path, &copy.path)?;
    Ok(copy)
}
