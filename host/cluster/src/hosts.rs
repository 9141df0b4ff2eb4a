//! All engine hosts of a front: where a stream goes, and which presets there are.
//!
//! Threads: one per engine host, which ends when the last handle is dropped; any thread asks.

use super::{
    FrontSettings, HostReport,
    host::{EngineHost, Pauses},
    messages::ToldPreset,
    model::PresetModels,
    placement::best,
};
use auricle_engines::plugins::{Engine, PluginError};
use std::{
    collections::BTreeMap,
    fmt, io,
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};
use tokio::sync::watch;

/// All engine hosts of a front.
pub struct EngineHosts {
    pub(crate) hosts: Arc<[Arc<EngineHost>]>,
    pub(crate) settings: Arc<FrontSettings>,
    changes: watch::Sender<Vec<ToldPreset>>,
    /// Where the search for the next place begins, so that equal hosts take turns.
    turn: AtomicUsize,
}

/// A preset of the engine hosts.
#[derive(Debug, Clone)]
pub struct Known {
    /// What they told.
    pub told: ToldPreset,
    /// Its engine, whose models are on the engine hosts.
    pub engine: Arc<Engine>,
}

impl fmt::Debug for EngineHosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineHosts").field("engines", &self.settings.engines).finish_non_exhaustive()
    }
}

impl EngineHosts {
    /// Starts to listen to the engine hosts.
    ///
    /// # Errors
    /// The system cannot start a thread.
    pub fn start(settings: FrontSettings) -> io::Result<Arc<Self>> {
        let settings = Arc::new(settings);
        let host = |address: &String| Arc::new(EngineHost::new(address.clone(), Arc::clone(&settings)));
        let hosts: Arc<[_]> = settings.engines.iter().map(host).collect();
        let changes = watch::Sender::new(Vec::new());
        let all = Arc::new(Self { hosts, settings, changes, turn: AtomicUsize::new(0) });
        for host in all.hosts.iter() {
            let (host, all) = (Arc::clone(host), Arc::downgrade(&all));
            thread::Builder::new().name("engine-host".into()).spawn(move || follow(&host, &all))?;
        }
        Ok(all)
    }

    /// What the engine hosts tell of their presets. Wait on it for changes.
    pub fn changes(&self) -> watch::Receiver<Vec<ToldPreset>> {
        self.changes.subscribe()
    }

    /// The preset with its engine.
    ///
    /// # Errors
    /// The schema that was told is invalid.
    pub fn known(self: &Arc<Self>, told: ToldPreset) -> Result<Known, PluginError> {
        let models = PresetModels::new(Arc::clone(self), &told);
        let key = format!("{}/{}", told.name, told.identity);
        let engine = Engine::elsewhere(key, &told.backend, told.schema.clone(), Arc::new(models))?;
        Ok(Known { told, engine: Arc::new(engine) })
    }

    /// Whether any engine host is connected.
    pub fn is_any_connected(&self) -> bool {
        self.hosts.iter().any(|host| host.is_connected())
    }

    /// The state of each, in the order of the settings.
    pub fn report(&self) -> Vec<HostReport> {
        self.hosts.iter().map(|host| host.report()).collect()
    }

    /// The engine host for a stream, but none of those in `tried`. `must`: even one without room.
    pub(crate) fn choose(&self, preset: &str, identity: &str, must: bool, tried: &[String]) -> Option<Arc<EngineHost>> {
        let (count, turn) = (self.hosts.len(), self.turn.fetch_add(1, Ordering::Relaxed));
        let order: Vec<_> = (0..count).map(|n| &self.hosts[(n + turn) % count]).collect();
        let fit = |host: &&&Arc<EngineHost>| !tried.contains(&host.address);
        let candidates: Vec<_> =
            order.iter().map(|host| Some(host).filter(fit).and_then(|host| host.candidate(preset, identity))).collect();
        best(&candidates, must).map(|n| Arc::clone(order[n]))
    }

    /// How many more streams of a preset the engine hosts accept together. `None` if none of them serves it.
    pub(crate) fn room(&self, preset: &str, identity: &str) -> Option<usize> {
        let candidates = self.hosts.iter().filter_map(|host| host.candidate(preset, identity));
        candidates.map(|candidate| candidate.room).reduce(usize::saturating_add)
    }

    /// All presets that engine hosts tell. Where they differ in one, the version that most of them have.
    fn presets(&self) -> Vec<ToldPreset> {
        let mut versions: BTreeMap<String, Vec<(ToldPreset, usize)>> = BTreeMap::new();
        let all = self.hosts.iter().filter_map(|host| host.presets()).flatten();
        // An engine host that has just been started may not have found its engines yet.
        for told in all.filter(|told| !told.identity.is_empty()) {
            let of_name = versions.entry(told.name.clone()).or_default();
            match of_name.iter_mut().find(|(known, _)| known.identity == told.identity) {
                Some((_, count)) => *count += 1,
                None => of_name.push((told, 1)),
            }
        }
        // The first of several with as many hosts.
        let most = |of_name: Vec<(ToldPreset, usize)>| of_name.into_iter().rev().max_by_key(|(_, count)| *count);
        versions.into_values().filter_map(most).map(|(told, _)| without_numbers(told)).collect()
    }

    /// Tells the presets to those who wait for changes. While no engine host is connected, the last ones stay.
    fn tell(&self) {
        if !self.is_any_connected() {
            return;
        }
        let presets = self.presets();
        self.changes.send_if_modified(|known| {
            let is_new = *known != presets;
            *known = presets;
            is_new
        });
    }
}

/// What does not change with each stream.
fn without_numbers(told: ToldPreset) -> ToldPreset {
    ToldPreset { usable: true, reason: None, streams: 0, load: None, room: 0, ..told }
}

/// Listens to one engine host as long as anybody needs it.
fn follow(host: &EngineHost, all: &Weak<EngineHosts>) {
    let needed = || all.strong_count() > 0;
    let told = || {
        if let Some(all) = all.upgrade() {
            all.tell();
        }
    };
    let mut pauses = Pauses::new();
    while needed() {
        let Err(problem) = host.listen(&needed, &told) else { return };
        let pause = pauses.next(host.is_connected());
        host.lost(&problem);
        told();
        thread::sleep(pause);
    }
}
