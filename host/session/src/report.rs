//! The states of presets, for people and programs. Threads: any.

use super::{
    models::{ModelStatus, Models, Resolved},
    own_fields,
    preset::Preset,
    versions::{Candidate, Stage, Versions},
};
use auricle_core::Failure;
use auricle_engines::plugins::{Engine, Registry};
use auricle_plugin_api::Schema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::Arc;

/// The state of a preset: of the version in service and, if the file holds another one, of its candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PresetReport {
    /// The preset's name.
    pub name: String,
    /// A title for people.
    pub title: String,
    /// The engine's backend name; empty if the preset is invalid.
    pub backend: String,
    /// The stages behind the engine, in the order in which events pass them.
    #[serde(default)]
    pub stages: Vec<String>,
    /// Whether streams can be opened.
    pub state: PresetState,
    /// Why the preset is unavailable, or why its current file is not used.
    pub reason: Option<String>,
    /// Fields that may be misspelt.
    pub warning: Option<String>,
    /// The fields that clients may set, as JSON Schemas. `default` is the value without the client's, where it may be told.
    pub options: Map<String, Value>,
    /// What its voice gate does, in one line, if it has one. Not for clients.
    #[serde(skip)]
    pub voice_gate: Option<String>,
    /// The number of open streams on its model, which other presets may share.
    pub streams: usize,
    /// The version that is to take over.
    pub candidate: Option<CandidateReport>,
}

/// Whether streams of a preset can be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PresetState {
    /// The first stream will load the model.
    Idle,
    /// The model is being loaded.
    Loading,
    /// The model is loaded.
    Ready,
    /// The preset, its engine or its model cannot be used.
    Unavailable,
}

/// A version of a preset that is not in service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CandidateReport {
    /// A title for people.
    pub title: String,
    /// The engine's backend name; empty if the file is broken.
    pub backend: String,
    /// What happens to it.
    pub state: CandidateState,
    /// Why it waits or was refused.
    pub reason: Option<String>,
    /// Fields that may be misspelt.
    pub warning: Option<String>,
    /// The fields that clients may set once it is in service, as JSON Schemas.
    pub options: Map<String, Value>,
}

/// What happens to a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CandidateState {
    /// The first stream will load its model. If that fails, the version in service serves the stream.
    Idle,
    /// Its model is being loaded. Then it takes over.
    Loading,
    /// Its model will be loaded when there is memory for it.
    Waiting,
    /// It cannot be used; the version in service stays.
    Refused,
}

impl PresetReport {
    /// For the metrics: the versions of the preset, each with its state.
    pub fn versions(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let state = match self.state {
            PresetState::Idle => "idle",
            PresetState::Loading => "loading",
            PresetState::Ready => "ready",
            PresetState::Unavailable => "unavailable",
        };
        let candidate = self.candidate.as_ref().map(|candidate| match candidate.state {
            CandidateState::Idle => "idle",
            CandidateState::Loading => "loading",
            CandidateState::Waiting => "waiting",
            CandidateState::Refused => "refused",
        });
        std::iter::once(("service", state)).chain(candidate.map(|state| ("candidate", state)))
    }
}

/// The state of a preset. Only an operator gets the details of failures.
pub(super) fn describe(
    name: String,
    versions: Versions,
    registry: &Registry,
    models: &Models,
    for_operator: bool,
) -> PresetReport {
    let explain = |failure: Failure| if for_operator { failure.explained() } else { failure.message };
    let reason = |stage: Stage| match stage {
        Stage::Waiting(reason) => Some(reason),
        Stage::Refused { reason, .. } => Some(explain(reason)),
        Stage::New | Stage::Idle | Stage::Loading => None,
    };
    let mut report = PresetReport {
        name,
        title: String::new(),
        backend: String::new(),
        stages: Vec::new(),
        state: PresetState::Unavailable,
        reason: None,
        warning: None,
        options: Map::new(),
        voice_gate: None,
        streams: 0,
        candidate: None,
    };
    let preset = match (versions.service, versions.candidate) {
        (Some(preset), candidate) => {
            report.candidate = candidate.map(|candidate| describe_candidate(candidate, registry, reason));
            preset
        }
        // Without a version in service the candidate is the preset.
        (None, Some(Candidate { preset: Some(preset), .. })) => preset,
        (None, candidate) => {
            report.reason = candidate.and_then(|candidate| reason(candidate.stage));
            return report;
        }
    };
    let of_candidate = report.candidate.as_ref().and_then(|candidate| candidate.reason.as_ref());
    report.reason = of_candidate.map(|reason| format!("the current file is not used: {reason}"));
    match Resolved::new(preset, registry) {
        Err(failure) => report.reason = Some(explain(failure)),
        Ok(resolved) => {
            let Resolved { preset, engine, .. } = &resolved;
            report.title.clone_from(&preset.host.title);
            report.backend.clone_from(&preset.backend);
            report.stages = preset.stages.iter().map(|entry| entry.name.clone()).collect();
            report.warning = resolved.warning();
            report.options = open_fields(preset, engine.schema(), &resolved.stages);
            let vac = if engine.has_vac() { "; the engine's own `vac` is off" } else { "" };
            report.voice_gate = preset.host.voice_gate.map(|gate| format!("{gate}{vac}"));
            report.state = match models.status(&models.key(&resolved)) {
                ModelStatus::Idle => PresetState::Idle,
                ModelStatus::Loading => PresetState::Loading,
                ModelStatus::Ready(model) => {
                    report.streams = model.open_streams();
                    PresetState::Ready
                }
                ModelStatus::Unusable(failure) => {
                    report.reason = Some(explain(failure));
                    PresetState::Unavailable
                }
            };
        }
    }
    report
}

fn describe_candidate(
    candidate: Candidate,
    registry: &Registry,
    reason: impl Fn(Stage) -> Option<String>,
) -> CandidateReport {
    let mut report = CandidateReport {
        title: String::new(),
        backend: String::new(),
        state: match candidate.stage {
            Stage::New | Stage::Idle => CandidateState::Idle,
            Stage::Loading => CandidateState::Loading,
            Stage::Waiting(_) => CandidateState::Waiting,
            Stage::Refused { .. } => CandidateState::Refused,
        },
        reason: reason(candidate.stage),
        warning: None,
        options: Map::new(),
    };
    if let Some(preset) = candidate.preset {
        report.title.clone_from(&preset.host.title);
        report.backend.clone_from(&preset.backend);
        if let Some(engine) = registry.engine(&preset.backend) {
            report.warning = preset.warning(engine.schema());
            let stages: Vec<_> = preset.stages.iter().map_while(|entry| registry.stage(&entry.name)).collect();
            report.options = open_fields(&preset, engine.schema(), &stages);
        }
    }
    report
}

/// The open fields of the engine with this schema, and of the stages of the preset.
fn open_fields(preset: &Preset, schema: &Schema, stages: &[Arc<Engine>]) -> Map<String, Value> {
    let mut open = open_fields_of(&preset.host.open, "", schema, &preset.fields);
    for (entry, stage) in preset.stages.iter().zip(stages) {
        open.extend(open_fields_of(&preset.host.open, &format!("{}.", entry.name), stage.schema(), &entry.fields));
    }
    open
}

/// Those of one of them, whose names in the list begin with `prefix`.
fn open_fields_of(list: &[String], prefix: &str, schema: &Schema, own: &Map<String, Value>) -> Map<String, Value> {
    let properties = schema.json().get("properties").and_then(Value::as_object);
    let of_engine = |name: &str| match prefix {
        "" => own_fields::of_engine(schema, name).map(str::to_owned),
        _ => name.strip_prefix(prefix).map(str::to_owned),
    };
    let property = |name: &String| Some((name.clone(), properties?.get(&of_engine(name)?)?.clone()));
    let mut open: Map<String, Value> = list.iter().filter_map(property).collect();
    for (name, field) in &mut open {
        let value = of_engine(name).and_then(|name| own.get(&name));
        if let (Some(field), Some(value)) = (field.as_object_mut(), value) {
            match field.get("writeOnly") != Some(&Value::Bool(true)) && may_be_told(value) {
                true => field.insert("default".to_owned(), value.clone()),
                // The engine's default does not apply.
                false => field.remove("default"),
            };
        }
    }
    open
}

/// Whether clients may know a value of a preset: places of files are for the operator only.
pub(super) fn may_be_told(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.starts_with(['/', '\\']) && !text.contains(":\\"),
        Value::Array(values) => values.iter().all(may_be_told),
        Value::Object(fields) => fields.values().all(may_be_told),
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use auricle_plugin_api::Field;
    use serde_json::json;

    #[test]
    fn an_open_field_has_the_presets_value_as_its_default_unless_it_is_secret_or_a_path() {
        let text = r#"{"backend": "x", "lan": "de", "words": ["a", "/srv/b"], "token": "t", "closed": 1,
            "host": {"open": ["lan", "words", "token", "beam"]}}"#;
        let schema = Schema::new()
            .field(Field::stream("lan").set("default", "en"))
            .field(Field::stream("words").strings(9).set("default", json!([])))
            .field(Field::stream("token").set("writeOnly", true).set("default", ""))
            .field(Field::stream("beam").integer(1, 9).set("default", 4))
            .field(Field::stream("closed").integer(0, 9));
        let fields = open_fields(&Preset::parse("p", text).unwrap(), &schema, &[]);
        let defaults = ["lan", "words", "token", "beam"].map(|name| fields[name].get("default").cloned());
        assert_eq!(defaults, [Some(json!("de")), None, None, Some(json!(4))]);
        assert!(!fields.contains_key("closed"));
        for path in ["/x", r"C:\x", r"\\server\x"] {
            assert!(!may_be_told(&json!({"a": [path]})), "{path}");
        }
    }
}
