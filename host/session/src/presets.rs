//! Presets: named JSON files. Each holds an engine's configuration, and the server's own fields under `"host"`.
//!
//! A file is read again when it changes. If it cannot be read or is invalid, the previous version stays in service, and
//! the reason is reported. Threads: one at a time reads the directory, any thread reads the presets.

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

/// Why a preset is invalid, in one line. The text continues the preset's name.
#[derive(Debug, thiserror::Error)]
pub enum PresetError {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Read(io::Error),
    /// The text is not a JSON object.
    #[error("is not a JSON object: {}", one_line(.0))]
    NotAnObject(serde_json::Error),
    /// The server's own fields are invalid.
    #[error("field `host`: {}", one_line(.0))]
    Host(serde_json::Error),
    /// `host.concurrency` is out of range.
    #[error("field `host.concurrency` is {0}: it must be from 1 to 1024")]
    Concurrency(usize),
    /// `host.call_seconds` is out of range.
    #[error("field `host.call_seconds` is {0}: it must be from 0.001 to 1e9")]
    CallSeconds(f64),
    /// `host.memory_mb` is out of range: the limit in bytes must fit into 64 bits.
    #[error("field `host.memory_mb` is {0}: it must be at most {most}", most = u64::MAX >> 20)]
    MemoryMb(u64),
    /// The engine's name is not a string.
    #[error("field `backend` must be a string")]
    BackendKind,
    /// The engine's name is missing.
    #[error("field `backend` is missing: it names the engine")]
    NoBackend,
    /// `host.open` lists a field with which the model is loaded.
    #[error("`host.open` lists `{}`, which chooses the model: only stream fields can be opened", one_line(.name))]
    OpenLoadField {
        /// The field.
        name: String,
    },
    /// `host.open` lists a field that the engine does not have.
    #[error("`host.open` lists `{}`, which the engine `{}` does not know", one_line(.name), one_line(.backend))]
    OpenUnknownField {
        /// The field.
        name: String,
        /// The engine.
        backend: String,
    },
}

/// A valid preset: an engine's configuration and the server's fields.
#[derive(Debug, Clone, PartialEq)]
pub struct Preset {
    /// The file's name without `.json`.
    pub name: String,
    /// The engine's backend name.
    pub backend: String,
    /// The engine's fields: everything but `backend` and `host`.
    pub fields: Map<String, Value>,
    /// The server's own fields.
    pub host: HostFields,
}

/// The server's own fields of a preset: the object `"host"`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HostFields {
    /// A title for people.
    pub title: String,
    /// Stream fields that clients may set.
    pub open: Vec<String>,
    /// Whether to load the model when the server starts, instead of at the first stream.
    pub preload: bool,
    /// The number of concurrent calls into the model, which is the number of its model threads.
    pub concurrency: usize,
    /// The number of concurrent streams of this model. The engine may have a lower limit.
    pub max_streams: Option<usize>,
    /// Seconds that one call may take. If absent, the server's setting.
    pub call_seconds: Option<f64>,
    /// Where the engine's code runs. If absent, in a worker process, unless the server's settings trust its plugin.
    pub isolation: Option<Isolation>,
    /// Whether a worker process drops the rights that engines do not need: other files, new sockets, other programs.
    pub sandbox: bool,
    /// The memory limit of its worker process, in MiB.
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
    /// Why the preset is invalid.
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

    /// Checks `host.open` against the engine's schema.
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

    /// The fields that the engine's schema does not list. They are passed to the engine, but may be misspelt.
    pub fn unknown_fields<'a>(&'a self, schema: &'a Schema) -> impl Iterator<Item = &'a str> {
        self.fields.keys().map(String::as_str).filter(|name| schema.scope(name).is_none() && !is_base(name))
    }
}

/// Whether every configuration may have this field, even if its engine does not read it.
fn is_base(name: &str) -> bool {
    matches!(name, "model" | "lan")
}

/// The presets of a directory.
#[derive(Debug)]
pub struct Presets {
    dir: PathBuf,
    entries: RwLock<BTreeMap<String, Entry>>,
    /// Held while the directory is read.
    reading: Mutex<()>,
    changes: watch::Sender<u64>,
}

#[derive(Debug, Clone)]
struct Entry {
    stamp: FileStamp,
    preset: Option<Arc<Preset>>,
    problem: Option<Arc<PresetError>>,
}

impl Presets {
    /// Reads the presets of `dir`. If the directory does not exist, there are none.
    pub fn read(dir: &Path) -> Self {
        let presets = Self {
            dir: dir.to_owned(),
            entries: RwLock::default(),
            reading: Mutex::default(),
            changes: watch::Sender::new(0),
        };
        presets.refresh();
        presets
    }

    /// Looks up a preset: the last valid version of its file, or the error if there was none. `None` if there is no
    /// file.
    pub fn get(&self, name: &str) -> Option<Result<Arc<Preset>, Arc<PresetError>>> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.get(name)?;
        entry.preset.clone().map(Ok).or_else(|| entry.problem.clone().map(Err))
    }

    /// The names, sorted, each with the error of its current file, if there is one.
    pub fn list(&self) -> Vec<(String, Option<Arc<PresetError>>)> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        entries.iter().map(|(name, entry)| (name.clone(), entry.problem.clone())).collect()
    }

    /// A counter of changes. Wait on it for the next change.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Reads changed files. Cheap, because other files are not read.
    pub fn refresh(&self) {
        self.read_dir(false);
    }

    /// Reads all files again, even unchanged ones.
    pub fn read_again(&self) {
        self.read_dir(true);
    }

    fn read_dir(&self, always: bool) {
        let _reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let files = match list_files(&self.dir) {
            Ok(files) => files,
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::error!(
                        dir = %self.dir.display(),
                        "cannot read the presets: {error}; those read before stay in service"
                    );
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
                    let kept = if last_good.is_some() { "; the previous version stays in service" } else { "" };
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
            (r#"{"backend": 3}"#, "`backend` must be a string"),
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
