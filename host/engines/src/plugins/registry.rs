//! The registry: which engine serves each backend, which stage each name, and the state of every plugin file.
//!
//! Invariant: `serving` is a function of the entries, the pins and the previous value; it is recomputed at every
//! change. If two files have the same plugin id, the higher version serves. A plugin does not get a backend that
//! another id serves already. Threads: the watcher writes, any thread reads.

use super::{Engine, Plugin, kind::Kind};
use auricle_plugin_api::{Claims, Manifest};
use semver::Version;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};
use tokio::sync::watch;

/// The reason for [`FileState::NotAPlugin`].
pub(super) const NO_MANIFEST: &str = "is not a plugin: the library has no manifest";

/// The registered engines, and why other files are not registered.
#[derive(Debug)]
pub struct Registry {
    state: RwLock<State>,
    pins: BTreeMap<String, String>,
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    entries: BTreeMap<PathBuf, Entry>,
    serving: Served,
    admitted: u64,
}

/// What serves under each name. An engine and a stage may have the same.
type Served = HashMap<(Kind, String), Serving>;

#[derive(Debug, Default)]
struct Entry {
    plugin: Option<Arc<Plugin>>,
    /// The number of its admission, which orders the entries by time.
    order: u64,
    /// Why the current file cannot be loaded. `plugin` is then of the previous file.
    refusal: Option<String>,
    /// Whether the file is a library without a manifest.
    no_manifest: bool,
}

#[derive(Debug, Clone)]
struct Serving {
    engine: Arc<Engine>,
    path: PathBuf,
    id: String,
}

/// The state of a plugin file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileState {
    /// At least one of its engines serves.
    Registered,
    /// A higher version of the same plugin serves.
    Superseded,
    /// The file cannot serve; the reason says why.
    Refused,
    /// It crashed too many workers; the reason says how.
    Quarantined,
    /// A shared library without a manifest, such as one that an engine needs.
    #[serde(rename = "not_a_plugin")]
    NotAPlugin,
}

impl FileState {
    /// All states.
    pub const ALL: [Self; 5] = [Self::Registered, Self::Superseded, Self::Refused, Self::Quarantined, Self::NotAPlugin];

    /// The name, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Superseded => "superseded",
            Self::Refused => "refused",
            Self::Quarantined => "quarantined",
            Self::NotAPlugin => "not_a_plugin",
        }
    }
}

/// The state of a plugin file, for people and programs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileReport {
    /// The file's or folder's name.
    pub file: String,
    /// The state.
    pub state: FileState,
    /// Why it is not registered, or why not all of it is.
    pub reason: Option<String>,
    /// The plugin's id.
    pub plugin: Option<String>,
    /// The plugin's version.
    pub version: Option<String>,
    /// The plugin API it was built against.
    pub api: Option<String>,
    /// The plugin's description, one line.
    pub description: Option<String>,
    /// What it claims to do and need; absent if it claims nothing.
    pub claims: Option<Claims>,
    /// The backends it serves.
    pub backends: Vec<String>,
    /// The stages it serves.
    #[serde(default)]
    pub stages: Vec<String>,
}

impl Registry {
    /// Creates an empty registry. `pins` maps a backend to the plugin id, or `id@version`, that must serve it.
    pub fn new(pins: BTreeMap<String, String>) -> Self {
        Self { state: RwLock::default(), pins, changes: watch::Sender::new(0) }
    }

    /// The engine that serves a backend.
    pub fn engine(&self, backend: &str) -> Option<Arc<Engine>> {
        self.serving(Kind::Engine, backend)
    }

    /// The stage that serves under a name.
    pub fn stage(&self, name: &str) -> Option<Arc<Engine>> {
        self.serving(Kind::Stage, name)
    }

    fn serving(&self, kind: Kind, name: &str) -> Option<Arc<Engine>> {
        self.read().serving.get(&(kind, name.to_owned())).map(|serving| Arc::clone(&serving.engine))
    }

    /// The backends that are served, sorted.
    pub fn backends(&self) -> Vec<String> {
        self.names(Kind::Engine)
    }

    /// The names of the stages that are served, sorted.
    pub fn stages(&self) -> Vec<String> {
        self.names(Kind::Stage)
    }

    fn names(&self, wanted: Kind) -> Vec<String> {
        let state = self.read();
        let names = state.serving.keys().filter(|(kind, _)| *kind == wanted).map(|(_, name)| name.clone());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    /// A counter of changes. Wait on it for the next change.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// The states of all files, sorted by path.
    pub fn report(&self) -> Vec<FileReport> {
        let state = self.read();
        state.entries.iter().map(|(path, entry)| state.describe(path, entry, &self.pins)).collect()
    }

    /// Lifts the quarantine of the plugin in `file`, a name as in [`FileReport::file`]. Returns whether there was one.
    pub fn release(&self, file: &str) -> bool {
        let plugins: Vec<_> = {
            let state = self.read();
            let named = state.entries.iter().filter(|(path, _)| file_name(path) == file);
            named.filter_map(|(_, entry)| entry.plugin.clone()).collect()
        };
        let lifted = plugins.iter().filter(|plugin| plugin.quarantine.lift()).count() > 0;
        if lifted {
            self.changes.send_modify(|count| *count += 1);
        }
        lifted
    }

    /// Enters a plugin, which replaces the one at the same path. Returns the backends and stages that another plugin serves now.
    pub(super) fn admit(&self, path: &Path, plugin: Arc<Plugin>) -> Vec<String> {
        self.change(|state| {
            state.admitted += 1;
            let entry = Entry { plugin: Some(plugin), order: state.admitted, refusal: None, no_manifest: false };
            state.entries.insert(path.to_owned(), entry);
        })
    }

    /// Records why a file cannot be loaded. The plugin of the previous file continues to serve.
    pub(super) fn refuse(&self, path: &Path, reason: String) {
        self.change(|state| {
            let entry = state.entries.entry(path.to_owned()).or_default();
            (entry.refusal, entry.no_manifest) = (Some(reason), false);
        });
    }

    /// Records that a file is a library without a manifest, and forgets what it was before.
    pub(super) fn set_aside(&self, path: &Path) {
        self.change(|state| {
            let entry = Entry { no_manifest: true, refusal: Some(NO_MANIFEST.to_owned()), ..Entry::default() };
            state.entries.insert(path.to_owned(), entry);
        });
    }

    /// Whether the registry has a plugin of this path, from the current or a previous file.
    pub(super) fn has_plugin(&self, path: &Path) -> bool {
        self.read().entries.get(path).is_some_and(|entry| entry.plugin.is_some())
    }

    /// Forgets a file. Running streams keep their engine; new streams do not get it. Returns the backends and stages that
    /// another plugin, or none, serves now.
    pub(super) fn remove(&self, path: &Path) -> Vec<String> {
        if !self.read().entries.contains_key(path) {
            return Vec::new();
        }
        self.change(|state| {
            state.entries.remove(path);
        })
    }

    fn change(&self, change: impl FnOnce(&mut State)) -> Vec<String> {
        let mut state = self.write();
        change(&mut state);
        let before = std::mem::take(&mut state.serving);
        state.serving = state.elect(&before, &self.pins);
        let key = |map: &Served, name: &(Kind, String)| map.get(name).map(|serving| serving.engine.key.clone());
        let names: BTreeSet<_> = before.keys().chain(state.serving.keys()).cloned().collect();
        let changed = names.into_iter().filter(|name| key(&before, name) != key(&state.serving, name));
        let changed = changed.map(|(_, name)| name).collect();
        drop(state);
        self.changes.send_modify(|count| *count += 1);
        changed
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An engine or a stage that could serve under a name.
struct Claim<'a> {
    path: &'a Path,
    engine: &'a Arc<Engine>,
    id: String,
    version: Option<Version>,
    order: u64,
}

impl State {
    fn claims(&self) -> BTreeMap<(Kind, &str), Vec<Claim<'_>>> {
        let mut claims: BTreeMap<(Kind, &str), Vec<Claim<'_>>> = BTreeMap::new();
        for (path, entry) in &self.entries {
            let Some(plugin) = &entry.plugin else { continue };
            for engine in plugin.parts() {
                let (id, version) = (plugin.manifest.id(), Version::parse(&plugin.manifest.version()).ok());
                claims.entry((engine.kind(), engine.backend())).or_default().push(Claim {
                    path,
                    engine,
                    id,
                    version,
                    order: entry.order,
                });
            }
        }
        claims
    }

    fn elect(&self, before: &Served, pins: &BTreeMap<String, String>) -> Served {
        let mut serving = HashMap::new();
        for ((kind, name), mut claims) in self.claims() {
            let key = (kind, name.to_owned());
            if let Some(pin) = pins.get(name).filter(|_| kind == Kind::Engine) {
                let (id, version) = split_pin(pin);
                claims.retain(|claim| {
                    claim.id == id
                        && version.is_none_or(|pin| claim.version.as_ref().is_some_and(|v| v.to_string() == pin))
                });
            }
            let incumbent = before.get(&key).map(|serving| serving.id.as_str());
            let first = claims.iter().min_by_key(|claim| (Some(claim.id.as_str()) != incumbent, claim.order));
            let Some(id) = first.map(|claim| claim.id.clone()) else { continue };
            let best = claims.iter().filter(|claim| claim.id == id).max_by_key(|claim| (&claim.version, claim.order));
            if let Some(claim) = best {
                let winner = Serving { engine: Arc::clone(claim.engine), path: claim.path.to_owned(), id };
                serving.insert(key, winner);
            }
        }
        serving
    }

    fn describe(&self, path: &Path, entry: &Entry, pins: &BTreeMap<String, String>) -> FileReport {
        let serves = |part: &&Arc<Engine>| {
            let key = (part.kind(), part.backend().to_owned());
            self.serving.get(&key).is_some_and(|serving| serving.path == path)
        };
        let parts: Vec<&Arc<Engine>> = entry.plugin.iter().flat_map(|plugin| plugin.parts()).filter(serves).collect();
        let (state, reason) = match (&entry.plugin, &entry.refusal) {
            (None, reason) if entry.no_manifest => (FileState::NotAPlugin, reason.clone()),
            (None, reason) => (FileState::Refused, reason.clone()),
            (Some(plugin), refusal) => {
                let before = refusal.as_ref().map(|reason| format!("the current file is refused: {reason}"));
                if let Some(reason) = plugin.quarantine.reason() {
                    return report(path, entry, &parts, FileState::Quarantined, Some(reason));
                }
                let not_all = (parts.len() < plugin.parts().count()).then(|| self.loses(path, plugin, pins)).flatten();
                let reason = before.or_else(|| not_all.as_ref().map(|(_, reason)| reason.clone()));
                match (parts.is_empty(), not_all) {
                    (true, Some((state, _))) => (state, reason),
                    _ => (FileState::Registered, reason),
                }
            }
        };
        report(path, entry, &parts, state, reason)
    }

    /// Why a loaded plugin does not serve one of its backends or stages.
    fn loses(&self, path: &Path, plugin: &Plugin, pins: &BTreeMap<String, String>) -> Option<(FileState, String)> {
        let id = plugin.manifest.id();
        plugin.parts().find_map(|part| {
            let (kind, backend) = (part.kind(), part.backend());
            let Some(winner) = self.serving.get(&(kind, backend.to_owned())) else {
                let pin = pins.get(backend)?;
                let reason =
                    format!("backend `{backend}` is reserved for plugin {pin} by `[backends]` in auricle.toml");
                return Some((FileState::Refused, reason));
            };
            if winner.path == path {
                return None;
            }
            let (file, engine) = (file_name(&winner.path), &winner.engine);
            if winner.id == id {
                return Some((FileState::Superseded, format!("{} in {file} serves `{backend}`", engine.plugin())));
            }
            if kind == Kind::Stage {
                let reason = format!("stage `{backend}` is already registered by plugin {} in {file}", winner.id);
                return Some((FileState::Refused, reason));
            }
            let reason = format!(
                "backend `{backend}` is already registered by plugin {} in {file}; \
                 to choose this one put `{backend} = \"{id}\"` under [backends] in auricle.toml",
                winner.id
            );
            Some((FileState::Refused, reason))
        })
    }
}

fn split_pin(pin: &str) -> (&str, Option<&str>) {
    match pin.split_once('@') {
        Some((id, version)) => (id, Some(version)),
        None => (pin, None),
    }
}

fn report(
    path: &Path,
    entry: &Entry,
    serving: &[&Arc<Engine>],
    state: FileState,
    reason: Option<String>,
) -> FileReport {
    let names = |kind: Kind| -> Vec<String> {
        let of = serving.iter().filter(|part| part.kind() == kind);
        of.map(|part| part.backend().to_owned()).collect()
    };
    let plugin = entry.plugin.as_ref();
    let manifest = plugin.map(|plugin| &plugin.manifest);
    FileReport {
        file: file_name(path),
        state,
        reason,
        plugin: manifest.map(Manifest::id),
        version: manifest.map(Manifest::version),
        api: manifest.map(|manifest| {
            let (major, minor) = manifest.api();
            format!("{major}.{minor}")
        }),
        description: manifest.map(Manifest::description),
        claims: plugin.and_then(|plugin| plugin.claims.clone()),
        backends: names(Kind::Engine),
        stages: names(Kind::Stage),
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        plugins::probe::{ProbeReport, ProbedEngine},
        worker::Quarantine,
    };
    use proptest::prelude::*;

    fn plugin(id: &str, version: &str, backends: &[&str]) -> Arc<Plugin> {
        let (name, manifest) = (format!("{id} {version}"), Manifest::new(id, version, ""));
        let engine = |backend: &&str| ProbedEngine {
            backend: (*backend).to_owned(),
            schema: serde_json::json!({}),
            names_files: false,
        };
        let report = ProbeReport::new(&manifest, backends.iter().map(engine).collect(), Vec::new());
        let quarantine = Quarantine::new(name.clone(), 3, std::time::Duration::MAX);
        Arc::new(Plugin::new(manifest, report, "".into(), &name, &[], quarantine).unwrap())
    }

    fn served(registry: &Registry, backend: &str) -> Option<String> {
        registry.engine(backend).map(|engine| engine.plugin().to_owned())
    }

    #[test]
    fn a_plugin_may_serve_one_backend_and_lose_another() {
        let registry = Registry::new(BTreeMap::new());
        registry.admit(Path::new("a.so"), plugin("one", "1.0.0", &["x"]));
        let changed = registry.admit(Path::new("b.so"), plugin("two", "1.0.0", &["x", "y"]));
        assert_eq!(changed, ["y"]);
        let report = registry.report().remove(1);
        assert_eq!((report.state, report.backends), (FileState::Registered, vec!["y".to_owned()]));
        assert!(report.reason.unwrap().contains("`x` is already registered by plugin one in a.so"));
        assert_eq!(registry.remove(Path::new("a.so")), ["x"]);
        assert_eq!(registry.report()[0].backends, ["x", "y"]);
    }

    #[test]
    fn a_version_that_is_none_is_the_lowest() {
        let registry = Registry::new(BTreeMap::new());
        registry.admit(Path::new("a.so"), plugin("one", "0.0.1-alpha", &["x"]));
        registry.admit(Path::new("b.so"), plugin("one", "newest", &["x"]));
        assert_eq!(served(&registry, "x").unwrap(), "one 0.0.1-alpha");
    }

    const IDS: [&str; 3] = ["one", "two", "three"];
    const VERSIONS: [&str; 3] = ["1.0.0", "1.9.0", "1.10.0"];
    const BACKENDS: [&[&str]; 3] = [&["x"], &["y"], &["x", "y"]];

    #[derive(Debug, Clone)]
    enum Change {
        Admit(usize, usize, usize, usize),
        Refuse(usize),
        Remove(usize),
    }

    fn change() -> impl Strategy<Value = Change> {
        prop_oneof![
            3 => (0..5usize, 0..3usize, 0..3usize, 0..3usize).prop_map(|(p, i, v, b)| Change::Admit(p, i, v, b)),
            1 => (0..5usize).prop_map(Change::Refuse),
            2 => (0..5usize).prop_map(Change::Remove),
        ]
    }

    proptest! {
        /// Compares with a simple list of files: the highest version of an id serves, and an id keeps a backend as long
        /// as it has a file.
        #[test]
        fn whatever_comes_and_goes_the_right_one_serves(changes in proptest::collection::vec(change(), 1..40)) {
            let registry = Registry::new(BTreeMap::new());
            let mut there: BTreeMap<usize, (usize, usize, usize)> = BTreeMap::new();
            for change in changes {
                let before: Vec<_> = ["x", "y"].map(|backend| served(&registry, backend)).into();
                match change {
                    Change::Admit(path, id, version, backends) => {
                        there.insert(path, (id, version, backends));
                        let plugin = plugin(IDS[id], VERSIONS[version], BACKENDS[backends]);
                        registry.admit(Path::new(&path.to_string()), plugin);
                    }
                    Change::Refuse(path) => registry.refuse(Path::new(&path.to_string()), "bad".into()),
                    Change::Remove(path) => {
                        there.remove(&path);
                        registry.remove(Path::new(&path.to_string()));
                    }
                }
                for (backend, before) in ["x", "y"].into_iter().zip(before) {
                    let claims: Vec<_> = there
                        .values()
                        .filter(|(_, _, backends)| BACKENDS[*backends].contains(&backend))
                        .map(|(id, version, _)| (*id, *version))
                        .collect();
                    let best = |id| claims.iter().filter(|claim| claim.0 == id).map(|claim| claim.1).max();
                    let name = |(id, version): (usize, usize)| format!("{} {}", IDS[id], VERSIONS[version]);
                    let now = served(&registry, backend);
                    let incumbent = IDS.iter().position(|id| before.as_ref().is_some_and(|name| name.starts_with(id)));
                    match incumbent.and_then(|id| best(id).map(|version| (id, version))) {
                        Some(claim) => prop_assert_eq!(now, Some(name(claim))),
                        None if claims.is_empty() => prop_assert_eq!(now, None),
                        None => {
                            let highest = claims.iter().map(|claim| name((claim.0, best(claim.0).unwrap())));
                            prop_assert!(highest.clone().any(|name| Some(name) == now), "{:?}", now);
                        }
                    }
                }
                for file in registry.report() {
                    prop_assert!(file.state == FileState::Registered || file.reason.is_some(), "{:?}", file);
                    prop_assert_eq!(file.state == FileState::Registered, !file.backends.is_empty());
                }
            }
        }
    }
}
