//! A preset: an engine's configuration, and how the server runs the engine.
//!
//! A preset is read from JSON text, and checked against the schema of its engine. Threads: any.

use super::{
    own_fields,
    stage_list::{self, StageEntry, StageListError},
    suggest::suggestion,
};
use auricle_cluster::{Known, messages::ToldPreset};
use auricle_core::{
    one_line,
    times::is_wait,
    wording::{ParseError, from_json, from_value},
};
use auricle_engines::{
    Isolation, VoiceGate,
    plugins::{Engine, Kind},
    stages::STAGES,
};
use auricle_plugin_api::{Schema, Scope};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::{io, sync::Arc};

/// Why a preset is invalid, in one line. The text continues the preset's name.
#[derive(Debug, thiserror::Error)]
pub enum PresetError {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Read(io::Error),
    /// The text is not a JSON object.
    #[error("is not a JSON object: {0}")]
    NotAnObject(ParseError),
    /// The server's own fields are invalid.
    #[error("has an invalid field: {0}")]
    Host(ParseError),
    /// `host.concurrency` is out of range.
    #[error("field `host.concurrency` is {0}: it must be from 1 to 1024")]
    Concurrency(usize),
    /// A time is out of range.
    #[error("field `host.{field}` is {value}: it must be from 0.001 to 1e9")]
    Seconds {
        /// The field of `host`.
        field: &'static str,
        /// Its value.
        value: f64,
    },
    /// `host.memory_mb` is out of range: the limit in bytes must fit into 64 bits.
    #[error("field `host.memory_mb` is {0}: it must be at most {most}", most = u64::MAX >> 20)]
    MemoryMb(u64),
    /// A time of the voice gate is out of range.
    #[error("field `host.voice_gate.{field}` is {value}: it must be from {least} to {most}")]
    VoiceGate {
        /// The field of `host.voice_gate`.
        field: &'static str,
        /// Its value.
        value: f64,
        /// The least value that it may have.
        least: f64,
        /// The greatest value that it may have.
        most: f64,
    },
    /// A field that needs a worker, without one.
    #[error("`host.{0}` needs a worker process: {todo}", todo = if cfg!(unix) {
        "remove `\"isolation\": \"in-process\"`"
    } else {
        "this system has none, so remove it"
    })]
    NeedsWorker(&'static str),
    /// The engine's name is not a string.
    #[error("field `backend` must be a string")]
    BackendKind,
    /// The engine's name is missing.
    #[error("field `backend` is missing: it names the engine")]
    NoBackend,
    /// The list of stages is invalid.
    #[error("{0}")]
    Stages(StageListError),
    /// `host.open` lists a field with which the model is loaded.
    #[error("`host.open` lists `{}`, which chooses the model: only stream fields can be opened", one_line(.name))]
    OpenLoadField {
        /// The field.
        name: String,
    },
    /// `host.open` lists a field that the engine does not have.
    #[error("`host.open` lists `{}`, which {} does not know{suggestion}", one_line(.name), one_line(.owner))]
    OpenUnknownField {
        /// The field.
        name: String,
        /// The engine or the stage, as in a sentence.
        owner: String,
        /// The field that was probably meant, for the message; may be empty.
        suggestion: String,
    },
}

/// A valid preset: an engine's configuration and the server's fields.
#[derive(Debug, Clone, PartialEq)]
pub struct Preset {
    /// The file's name without `.json`.
    pub name: String,
    /// The engine's backend name.
    pub backend: String,
    /// The engine's fields: everything but `backend`, `stages` and `host`.
    pub fields: Map<String, Value>,
    /// The stages, in the order in which events pass them.
    pub stages: Vec<StageEntry>,
    /// The server's own fields.
    pub host: HostFields,
    /// On a front: its engine, whose models are on engine hosts.
    pub elsewhere: Option<Arc<Engine>>,
}

/// The server's own fields of a preset: the object `"host"`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HostFields {
    /// A title for people.
    pub title: String,
    /// Stream fields that clients may set.
    pub open: Vec<String>,
    /// What happens to a stream whose client asks for phrases or languages that the engine cannot take.
    pub unsupported: Unsupported,
    /// Whether to load the model when the server starts, instead of at the first stream.
    pub preload: bool,
    /// The number of concurrent calls into the model, which is the number of its model threads.
    pub concurrency: usize,
    /// The number of concurrent streams of this model. The engine may have a lower limit.
    pub max_streams: Option<usize>,
    /// Seconds that one call may take. If absent, the server's setting.
    pub call_seconds: Option<f64>,
    /// Where the engine's code runs. If absent, in a worker process, unless the server's settings trust its plugin and no field
    /// needs a worker.
    pub isolation: Option<Isolation>,
    /// Whether a worker process drops the rights that engines do not need: other files, new sockets, other programs.
    pub sandbox: bool,
    /// The memory limit of its worker process, in MiB.
    pub memory_mb: Option<u64>,
    /// Seconds without a stream after which the model is unloaded. If absent, it stays loaded.
    pub unload_seconds: Option<f64>,
    /// Seconds of speech without text after which the engine is started anew. If absent, it never is.
    pub mute_seconds: Option<f64>,
    /// Lets the engine get only audio in which somebody speaks. If absent, it gets all.
    pub voice_gate: Option<VoiceGate>,
}

/// What happens to a stream whose client asks for what the engine cannot do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unsupported {
    /// It is refused.
    #[default]
    Refuse,
    /// It is opened without that, and its client is warned.
    Warn,
}

impl Default for HostFields {
    fn default() -> Self {
        Self {
            title: String::new(),
            open: Vec::new(),
            unsupported: Unsupported::default(),
            preload: false,
            concurrency: 1,
            max_streams: None,
            call_seconds: None,
            isolation: None,
            sandbox: true,
            memory_mb: None,
            unload_seconds: None,
            mute_seconds: None,
            voice_gate: None,
        }
    }
}

impl HostFields {
    /// A field that only works in a worker process, if there is one.
    pub fn needs_worker(&self) -> Option<&'static str> {
        let fields = [("voice_gate", self.voice_gate.is_some()), ("mute_seconds", self.mute_seconds.is_some())];
        fields.into_iter().find_map(|(field, is_set)| is_set.then_some(field))
    }
}

impl Preset {
    /// Reads a preset from JSON text.
    ///
    /// # Errors
    /// Why the preset is invalid.
    pub fn parse(name: &str, text: &str) -> Result<Self, PresetError> {
        let mut fields: Map<String, Value> = from_json(text).map_err(PresetError::NotAnObject)?;
        let host = match fields.remove("host") {
            None => HostFields::default(),
            Some(host) => from_value("host", host).map_err(PresetError::Host)?,
        };
        if !(1..=1_024).contains(&host.concurrency) {
            return Err(PresetError::Concurrency(host.concurrency));
        }
        let waits = [
            ("call_seconds", host.call_seconds),
            ("unload_seconds", host.unload_seconds),
            ("mute_seconds", host.mute_seconds),
        ];
        for (field, value) in waits {
            if let Some(value) = value.filter(|value| !is_wait(*value)) {
                return Err(PresetError::Seconds { field, value });
            }
        }
        if let Some(memory) = host.memory_mb.filter(|memory| *memory > u64::MAX >> 20) {
            return Err(PresetError::MemoryMb(memory));
        }
        if let Some(field) = host.needs_worker()
            && (host.isolation == Some(Isolation::InProcess) || !cfg!(unix))
        {
            return Err(PresetError::NeedsWorker(field));
        }
        if let Some(gate) = &host.voice_gate
            && let Some((field, value, range)) = gate.out_of_range()
        {
            return Err(PresetError::VoiceGate { field, value, least: *range.start(), most: *range.end() });
        }
        let backend = match fields.remove("backend") {
            Some(Value::String(backend)) => backend,
            Some(_) => return Err(PresetError::BackendKind),
            None => return Err(PresetError::NoBackend),
        };
        let stages = fields.remove(STAGES).map(stage_list::read).transpose().map_err(PresetError::Stages)?;
        let (name, stages) = (name.to_owned(), stages.unwrap_or_default());
        Ok(Self { name, backend, fields, stages, host, elsewhere: None })
    }

    /// A preset of engine hosts, whose model has so many concurrent calls on this front.
    pub fn on_engine_hosts(known: &Known, calls: usize) -> Self {
        let ToldPreset { name, title, backend, open, fields, .. } = &known.told;
        let (title, open) = (title.clone(), open.clone());
        Self {
            name: name.clone(),
            backend: backend.clone(),
            fields: fields.clone(),
            stages: Vec::new(),
            host: HostFields { title, open, concurrency: calls, ..HostFields::default() },
            elsewhere: Some(Arc::clone(&known.engine)),
        }
    }

    /// Checks `host.open` against the schemas of the engine and of each stage, in their order.
    ///
    /// # Errors
    /// The first field that cannot be opened.
    pub fn check_open_fields(&self, schema: &Schema, stages: &[&Schema]) -> Result<(), PresetError> {
        self.host.open.iter().try_for_each(|name| {
            let of_stage = stage_list::of_option(&self.stages, name);
            let of_stage =
                of_stage.and_then(|(place, field)| Some((&self.stages[place].name, stages.get(place)?, field)));
            let (kind, owner, schema, field) = match of_stage {
                Some((stage, schema, field)) => (Kind::Stage, stage, *schema, field),
                None => (Kind::Engine, &self.backend, schema, name.as_str()),
            };
            let known = match kind {
                Kind::Engine => own_fields::of_engine(schema, field).unwrap_or(field),
                Kind::Stage => field,
            };
            match schema.scope(known) {
                Some(Scope::Stream) => Ok(()),
                Some(Scope::Load) => Err(PresetError::OpenLoadField { name: name.clone() }),
                None => {
                    let known = schema.names().filter(|known| schema.scope(known) == Some(Scope::Stream));
                    let suggestion = suggestion(field, known);
                    let owner = format!("the {kind} `{owner}`");
                    Err(PresetError::OpenUnknownField { name: name.clone(), owner, suggestion })
                }
            }
        })
    }

    /// The fields that the engine's schema does not list. They are passed to the engine, but may be misspelt.
    pub fn unknown_fields<'a>(&'a self, schema: &'a Schema) -> impl Iterator<Item = &'a str> {
        self.fields.keys().map(String::as_str).filter(|name| schema.scope(name).is_none() && !is_base(name))
    }

    /// A warning that lists the unknown fields, with the fields that were probably meant.
    pub fn warning(&self, schema: &Schema) -> Option<String> {
        let named = |name| format!("{}{}", one_line(name), suggestion(name, schema.names()));
        let unknown: Vec<_> = self.unknown_fields(schema).map(named).collect();
        (!unknown.is_empty()).then(|| format!("fields the engine does not list: {}", unknown.join(", ")))
    }
}

/// Whether every configuration may have this field, even if its engine does not read it.
fn is_base(name: &str) -> bool {
    matches!(name, "model" | "lan")
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
        preset.check_open_fields(&schema, &[]).unwrap();
        assert_eq!(preset.unknown_fields(&schema).collect::<Vec<_>>(), ["beam"]);
        assert_eq!(preset.warning(&schema).unwrap(), "fields the engine does not list: beam");
    }

    #[test]
    fn problems_name_the_field() {
        for (text, problem) in [
            ("[]", "is not a JSON object"),
            (r#"{"model": "x"}"#, "`backend` is missing"),
            (r#"{"backend": 3}"#, "`backend` must be a string"),
            (r#"{"backend": "x", "host": {"opn": []}}"#, "opn"),
            (r#"{"backend": "x", "host": {"o\np": []}}"#, "unknown field `host.o p`; known are `title`, "),
            (r#"{"backend": "x", "host": {"preload": 1}}"#, "`host.preload` must be true or false, not 1"),
            (r#"{"backend": "x", "host": {"memory_mb": 17592186044416}}"#, "`host.memory_mb`"),
            (r#"{"backend": "x", "host": {"concurrency": 0}}"#, "`host.concurrency`"),
            (r#"{"backend": "x", "host": {"call_seconds": 0}}"#, "`host.call_seconds`"),
            (r#"{"backend": "x", "host": {"unload_seconds": -1}}"#, "`host.unload_seconds`"),
            (r#"{"backend": "x", "host": {"mute_seconds": 0}}"#, "`host.mute_seconds`"),
            (r#"{"backend": "x", "host": {"voice_gate": true}}"#, "`host.voice_gate` must be"),
            (r#"{"backend": "x", "host": {"voice_gate": {"cut": "x"}}}"#, "`host.voice_gate.cut` must be"),
            (r#"{"backend": "x", "host": {"voice_gate": {"hold": 1}}}"#, "unknown field `host.voice_gate.hold`"),
        ] {
            let error = Preset::parse("x", text).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_voice_gate_has_times_in_their_ranges_and_runs_in_a_worker() {
        let preset = |gate: &str, more: &str| {
            Preset::parse("x", &format!(r#"{{"backend": "x", "host": {{"voice_gate": {gate}{more}}}}}"#))
        };
        let gate = preset("{}", r#", "isolation": "process""#).unwrap().host.voice_gate;
        assert_eq!(gate, Some(VoiceGate::default()));
        let problem = |gate, more| preset(gate, more).unwrap_err().to_string();
        assert_eq!(
            problem(r#"{"hold_seconds": 0}"#, ""),
            "field `host.voice_gate.hold_seconds` is 0: it must be from 0.1 to 60"
        );
        assert!(problem(r#"{"pre_roll_seconds": 6}"#, "").contains("must be from 0 to 5"));
        let problem = problem("{}", r#", "isolation": "in-process""#);
        assert!(problem.starts_with("`host.voice_gate` needs a worker process: remove"), "{problem}");
        let text = r#"{"backend": "x", "host": {"mute_seconds": 5, "isolation": "in-process"}}"#;
        let problem = Preset::parse("x", text).unwrap_err().to_string();
        assert!(problem.starts_with("`host.mute_seconds` needs a worker process: remove"), "{problem}");
    }

    #[test]
    fn only_stream_fields_can_be_opened() {
        let preset = Preset::parse("x", r#"{"backend": "tone", "host": {"open": ["model"]}}"#).unwrap();
        let error = preset.check_open_fields(&Schema::new().field(Field::load("model")), &[]).unwrap_err();
        assert!(matches!(&error, PresetError::OpenLoadField { name } if name == "model"), "{error}");
    }

    #[test]
    fn fields_of_stages_are_opened_by_their_names() {
        let schemas = [&Schema::new().field(Field::stream("silence")).field(Field::load("vad"))];
        let check = |open: &str| {
            let text =
                format!(r#"{{"backend": "x", "stages": [{{"stage": "turns"}}], "host": {{"open": ["{open}"]}}}}"#);
            Preset::parse("x", &text)
                .unwrap()
                .check_open_fields(&Schema::new(), &schemas)
                .map_err(|error| error.to_string())
        };
        assert_eq!(check("turns.silence"), Ok(()));
        assert!(check("turns.vad").unwrap_err().contains("lists `turns.vad`, which chooses the model"));
        assert!(
            check("turns.silnce")
                .unwrap_err()
                .contains("which the stage `turns` does not know (did you mean `silence`?)")
        );
        assert!(check("silence").unwrap_err().contains("which the engine `x` does not know"));
    }

    #[test]
    fn misspelt_fields_are_named_with_those_that_were_meant() {
        let text = r#"{"backend": "x", "treshold": 1, "beam": 2, "host": {"open": ["lagn"]}}"#;
        let preset = Preset::parse("x", text).unwrap();
        let schema = Schema::new().field(Field::load("threshold")).field(Field::stream("lang"));
        let warning = "fields the engine does not list: beam, treshold (did you mean `threshold`?)";
        assert_eq!(preset.warning(&schema).unwrap(), warning);
        let error = preset.check_open_fields(&schema, &[]).unwrap_err().to_string();
        assert_eq!(error, "`host.open` lists `lagn`, which the engine `x` does not know (did you mean `lang`?)");
    }

    proptest! {
        #[test]
        fn any_text_is_a_preset_or_a_problem(text in ".{0,200}", json in any::<bool>()) {
            let text = if json { format!(r#"{{"backend": {text:?}, "host": {text:?}}}"#) } else { text };
            let _ = Preset::parse("x", &text);
        }
    }
}
