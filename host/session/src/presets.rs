//! Presets: named JSON files, each an engine's configuration with the server's own keys under `"host"`.
//!
//! Read anew when a file changes. A file that cannot be read leaves what was read before it in service, with the reason
//! shown. Threads: one looks at the directory at a time, anybody reads.

use auricle_core::{one_line, times::is_wait};
use auricle_engines::{Isolation, stamp::FileStamp};
use auricle_plugin_api::{Schema, Scope};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
};
use tokio::sync::watch;

/// What is wrong with a preset, in one line. It continues the preset's name.
#[derive(Debug, thiserror::Error)]
pub enum PresetError {
    /// There is no reading its file.
    #[error("cannot be read: {0}")]
    Read(io::Error),
    /// The text is none.
    #[error("is not a JSON object: {}", one_line(.0))]
    NotAnObject(serde_json::Error),
    /// The server's own fields are not in order.
    #[error("field `host`: {}", one_line(.0))]
    Host(serde_json::Error),
    /// Threads that nobody has.
    #[error("field `host.concurrency` is {0}: 1 to 1024")]
    Concurrency(usize),
    /// Seconds that no clock can keep.
    #[error("field `host.call_seconds` must be a positive number, 0.001 to 1e9")]
    CallSeconds(f64),
    /// MiB of which the bytes cannot be counted.
    #[error("field `host.memory_mb` is more than there can be")]
    MemoryMb(u64),
    /// The engine's name is no text.
    #[error("field `backend` must be a text")]
    BackendKind,
    /// No engine is named.
    #[error("field `backend` is missing: it names the engine")]
    NoBackend,
    /// A field is open to clients that is the model's.
    #[error("`host.open` lists `{}`, which chooses the model: only stream fields can be opened", one_line(.name))]
    OpenLoadField {
        /// The field.
        name: String,
    },
    /// A field is open to clients that the engine has not.
    #[error("`host.open` lists `{}`, which the engine `{}` does not know", one_line(.name), one_line(.backend))]
    OpenUnknownField {
        /// The field.
        name: String,
        /// The engine.
        backend: String,
    },
}

/// A preset as it was read: an `AsrConfig` and what the server is to do with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Preset {
    /// The file's name without `.json`.
    pub name: String,
    /// Which engine.
    pub backend: String,
    /// The engine's fields: everything but `backend` and `host`.
    pub fields: Map<String, Value>,
    /// The server's own.
    pub host: HostFields,
}

/// The object `"host"` of a preset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HostFields {
    /// A line for people.
    pub title: String,
    /// Stream fields that clients may set.
    pub open: Vec<String>,
    /// Load the model when the server starts instead of at the first stream.
    pub preload: bool,
    /// Calls into the model at the same time: its compute threads.
    pub concurrency: usize,
    /// Streams of this model at once; the engine's own limit counts as well.
    pub max_streams: Option<usize>,
    /// Seconds one call may take; the server's setting unless given.
    pub call_seconds: Option<f64>,
    /// Where the engine's code runs: in a worker process, unless the server's settings trust its plugin.
    pub isolation: Option<Isolation>,
    /// A worker process gives up what engines do not need: other files, new sockets, other programs.
    pub sandbox: bool,
    /// MiB of memory its worker process may have.
    pub memory_mb: Option<u64>,
}

impl Default for HostFields {
    fn default() -> Self {
        Self {
            title: String::new(),
            open: Vec::new(),
            preload: false,
            concurrency: 1,
            max_streams: None,
            call_seconds: None,
            isolation: None,
            sandbox: true,
            memory_mb: None,
        }
    }
}

impl Preset {
    /// Reads a preset from JSON text.
    ///
    /// # Errors
    /// What is wrong.
    pub fn parse(name: &str, text: &str) -> Result<Self, PresetError> {
        let mut fields: Map<String, Value> = serde_json::from_str(text).map_err(PresetError::NotAnObject)?;
        let host = match fields.remove("host") {
            None => HostFields::default(),
            Some(host) => serde_json::from_value(host).map_err(PresetError::Host)?,
        };
        if !(1..=1_024).contains(&host.concurrency) {
            return Err(PresetError::Concurrency(host.concurrency));
        }
        if let Some(wait) = host.call_seconds.filter(|wait| !is_wait(*wait)) {
            return Err(PresetError::CallSeconds(wait));
        }
        if let Some(memory) = host.memory_mb.filter(|memory| *memory > u64::MAX >> 20) {
            return Err(PresetError::MemoryMb(memory));
        }
        let backend = match fields.remove("backend") {
            Some(Value::String(backend)) => backend,
            Some(_) => return Err(PresetError::BackendKind),
            None => return Err(PresetError::NoBackend),
        };
        Ok(Self { name: name.to_owned(), backend, fields, host })
    }

    /// Checks what only the engine's schema can tell.
    ///
    /// # Errors
    /// The first field that cannot be opened.
    pub fn check_open_fields(&self, schema: &Schema) -> Result<(), PresetError> {
        self.host.open.iter().try_for_each(|name| {
            let name = name.clone();
            match schema.scope(&name) {
                Some(Scope::Stream) => Ok(()),
                Some(Scope::Load) => Err(PresetError::OpenLoadField { name }),
                None => Err(PresetError::OpenUnknownField { name, backend: self.backend.clone() }),
            }
        })
    }

    /// Fields that the engine's schema does not list: passed on, but perhaps misspelt.
    pub fn unknown_fields<'a>(&'a self, schema: &'a Schema) -> impl Iterator<Item = &'a str> {
        self.fields.keys().map(String::as_str).filter(|name| schema.scope(name).is_none() && !is_base(name))
    }
}

/// The fields every `AsrConfig` may have, whether its engine reads them or not.
fn is_base(name: &str) -> bool {
    matches!(name, "model" | "lan")
}

/// The presets of a directory.
#[derive(Debug)]
pub struct Presets {
    dir: PathBuf,
    entries: RwLock<BTreeMap<String, Entry>>,
    /// One look at the directory at a time.
    looking: Mutex<()>,
    changes: watch::Sender<u64>,
}

#[derive(Debug, Clone)]
struct Entry {
    stamp: FileStamp,
    preset: Option<Arc<Preset>>,
    problem: Option<Arc<PresetError>>,
}

impl Presets {
    /// Reads the presets of `dir`. A directory that does not exist has none.
    pub fn read(dir: &Path) -> Self {
        let presets = Self {
            dir: dir.to_owned(),
            entries: RwLock::default(),
            looking: Mutex::default(),
            changes: watch::Sender::new(0),
        };
        presets.refresh();
        presets
    }

    /// A preset by name: the last good version of its file, or what is wrong with it; `None` where there is no file.
    pub fn get(&self, name: &str) -> Option<Result<Arc<Preset>, Arc<PresetError>>> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.get(name)?;
        entry.preset.clone().map(Ok).or_else(|| entry.problem.clone().map(Err))
    }

    /// The names, in order, each with what is wrong with the file now, if anything.
    pub fn list(&self) -> Vec<(String, Option<Arc<PresetError>>)> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        entries.iter().map(|(name, entry)| (name.clone(), entry.problem.clone())).collect()
    }

    /// Counts changes; wait on it to hear of the next.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Looks for changed files. Cheap: only changed files are read.
    pub fn refresh(&self) {
        self.look(false);
    }

    /// Reads all files again, whatever they look like.
    pub fn read_again(&self) {
        self.look(true);
    }

    fn look(&self, always: bool) {
        let _looking = self.looking.lock().unwrap_or_else(PoisonError::into_inner);
        let files = match list_files(&self.dir) {
            Ok(files) => files,
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::error!(dir = %self.dir.display(), "cannot look for presets: {error}; those read before stay");
                    return;
                }
                BTreeMap::new()
            }
        };
        let mut entries = self.entries.read().unwrap_or_else(PoisonError::into_inner).clone();
        let before = entries.len();
        entries.retain(|name, _| files.contains_key(name));
        let mut changed = entries.len() != before;
        for (name, (path, stamp)) in files {
            let old = entries.get(&name);
            if !always && old.is_some_and(|entry| entry.stamp == stamp) {
                continue;
            }
            changed = true;
            let last_good = old.and_then(|entry| entry.preset.clone());
            let parsed =
                fs::read_to_string(&path).map_err(PresetError::Read).and_then(|text| Preset::parse(&name, &text));
            let (preset, problem) = match parsed {
                Ok(preset) => {
                    tracing::info!(preset = name, backend = preset.backend, "preset read");
                    (Some(Arc::new(preset)), None)
                }
                Err(problem) => {
                    let kept = if last_good.is_some() { "; the version before stays in service" } else { "" };
                    tracing::error!(preset = name, file = %path.display(), "preset {problem}{kept}");
                    (last_good, Some(Arc::new(problem)))
                }
            };
            entries.insert(name, Entry { stamp, preset, problem });
        }
        if changed {
            *self.entries.write().unwrap_or_else(PoisonError::into_inner) = entries;
            self.changes.send_modify(|count| *count += 1);
        }
    }
}

type Found = BTreeMap<String, (PathBuf, FileStamp)>;

fn list_files(dir: &Path) -> io::Result<Found> {
    let mut files = Found::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let Some(name) = path.file_stem().and_then(|name| name.to_str()) else { continue };
        if name.starts_with('.') || path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let Ok(stamp) = FileStamp::of(&path) else { continue };
        files.insert(name.to_owned(), (path.clone(), stamp));
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use auricle_plugin_api::Field;
    use proptest::prelude::*;

    #[test]
    fn fields_are_divided_between_engine_and_server() {
        let preset =
            Preset::parse("x", r#"{"backend": "tone", "model": "m", "beam": 4, "host": {"open": ["lan"]}}"#).unwrap();
        assert_eq!((preset.backend.as_str(), preset.fields.len()), ("tone", 2));
        assert_eq!(preset.host.open, ["lan"]);
        let schema = Schema::new().field(Field::stream("lan"));
        preset.check_open_fields(&schema).unwrap();
        assert_eq!(preset.unknown_fields(&schema).collect::<Vec<_>>(), ["beam"]);
    }

    #[test]
    fn problems_name_the_field() {
        for (text, problem) in [
            ("[]", "is not a JSON object"),
            (r#"{"model": "x"}"#, "`backend` is missing"),
            (r#"{"backend": 3}"#, "`backend` must be a text"),
            (r#"{"backend": "x", "host": {"opn": []}}"#, "opn"),
            (r#"{"backend": "x", "host": {"o\np": []}}"#, "unknown field `o p`"),
            (r#"{"backend": "x", "host": {"memory_mb": 17592186044416}}"#, "`host.memory_mb`"),
            (r#"{"backend": "x", "host": {"concurrency": 0}}"#, "`host.concurrency`"),
        ] {
            let error = Preset::parse("x", text).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn only_stream_fields_can_be_opened() {
        let preset = Preset::parse("x", r#"{"backend": "tone", "host": {"open": ["model"]}}"#).unwrap();
        let error = preset.check_open_fields(&Schema::new().field(Field::load("model"))).unwrap_err();
        assert!(matches!(&error, PresetError::OpenLoadField { name } if name == "model"), "{error}");
    }

    #[test]
    fn a_broken_file_leaves_the_last_good_version() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.json");
        fs::write(&file, r#"{"backend": "one"}"#).unwrap();
        let presets = Presets::read(dir.path());
        fs::write(&file, "{broken").unwrap();
        presets.refresh();
        assert_eq!(presets.get("a").unwrap().unwrap().backend, "one");
        assert!(presets.list()[0].1.is_some());
        fs::remove_file(&file).unwrap();
        presets.refresh();
        assert!(presets.get("a").is_none());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_exchanged_for_one_of_the_same_length_and_time_is_read_anew() {
        use std::{fs::File, time::SystemTime};

        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.json");
        let presets = Presets::read(dir.path());
        for backend in ["one", "two"] {
            let new = dir.path().join("new");
            fs::write(&new, format!(r#"{{"backend": "{backend}"}}"#)).unwrap();
            File::options().write(true).open(&new).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
            fs::rename(&new, &file).unwrap();
            presets.refresh();
            assert_eq!(presets.get("a").unwrap().unwrap().backend, backend);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_preset_or_a_problem(text in ".{0,200}", json in any::<bool>()) {
            let text = if json { format!(r#"{{"backend": {text:?}, "host": {text:?}}}"#) } else { text };
            let _ = Preset::parse("x", &text);
        }
    }
}
