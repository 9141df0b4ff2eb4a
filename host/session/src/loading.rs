//! Presets that operators load while the server runs. No file has them, and a restart forgets them.
//!
//! Invariant: there are at most as many as the setting says, the newest ones; what is loaded is complete, because a
//! configuration that cannot be loaded leaves nothing. Streams that run keep their model. Threads: any; one configuration is
//! loaded at a time.

use super::{Caller, Preset, PresetError, Sessions, models::unavailable, names_only};
use auricle_core::{Failure, FailureCode, one_line};
use serde_json::{Map, Value};
use std::sync::Arc;

/// A configuration was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Load {
    /// The preset that has it.
    pub preset: String,
    /// Whether it was loaded before.
    pub was_loaded: bool,
}

impl Sessions {
    /// Checks that a caller may load a model, before its configuration is read. `most` is the setting.
    ///
    /// # Errors
    /// No models can be loaded, or the caller is no operator.
    pub fn may_load(&self, caller: &Caller, most: usize) -> Result<(), Failure> {
        if most == 0 {
            let message = "no models can be loaded: set `max_loaded_models` under [dialects.hisi] in auricle.toml";
            return Err(Failure::new(FailureCode::ForbiddenField, message));
        }
        if !caller.is_operator() {
            let message = "loading a model requires an operator's key (`operator = true`)";
            return Err(Failure::new(FailureCode::NotOperator, message));
        }
        Ok(())
    }

    /// Loads a configuration, an engine's name in `backend` and its fields, as a preset of its own. With more than `most`
    /// of them the oldest goes.
    ///
    /// # Errors
    /// It is not allowed, or the configuration cannot be used.
    pub async fn load(
        self: &Arc<Self>,
        caller: &Caller,
        fields: Map<String, Value>,
        most: usize,
    ) -> Result<Load, Failure> {
        self.may_load(caller, most)?;
        if fields.contains_key("host") {
            let message = "`host` is for preset files only: it has the server's own fields";
            return Err(Failure::new(FailureCode::ForbiddenField, message));
        }
        names_only::check(&fields)?;
        let (sessions, caller) = (Arc::clone(self), caller.clone());
        // In a separate task, so that it is complete even if the client disconnects.
        let loading = tokio::spawn(async move { sessions.load_in_turn(&caller, fields, most).await });
        loading.await.unwrap_or_else(|error| Err(unavailable("loading the model was interrupted").with_detail(error)))
    }

    /// The preset that a caller's key has loaded last, while it is there.
    pub fn loaded_by(&self, caller: &Caller) -> Option<String> {
        self.loaded.of_key(caller.key_name())
    }

    /// The names of the engines that are registered, sorted; after the first scan of the plugin directories.
    pub async fn engines(&self) -> Vec<String> {
        // No preset has this name, so only the scan is awaited.
        self.wait_for_engine("").await;
        self.catalog.backends()
    }

    async fn load_in_turn(
        self: &Arc<Self>,
        caller: &Caller,
        fields: Map<String, Value>,
        most: usize,
    ) -> Result<Load, Failure> {
        let _turn = self.loaded.turns.lock().await;
        let known = self.loaded.names().into_iter().find(|preset| self.has_fields(preset, &fields));
        if let Some(preset) = known {
            self.catalog.load(&preset).await?;
            self.loaded.note(&preset, caller.key_name(), most);
            return Ok(Load { preset, was_loaded: true });
        }
        let name = self.free_name();
        caller.check_preset(&name)?;
        let mut preset =
            Preset::parse(&name, &Value::Object(fields).to_string()).map_err(|problem| refused(&problem))?;
        preset.host.title = "loaded while the server runs".to_owned();
        self.presets.add(preset);
        self.wait_for_engine(&name).await;
        let problem = self.preset(&name).and_then(|preset| self.catalog.field_problem(&preset));
        let loaded = if self.catalog.lacks_engine(&name) {
            Err(self.unknown_engine(&name))
        } else if let Some(problem) = problem {
            Err(Failure::new(FailureCode::InvalidOption, problem))
        } else {
            self.catalog.load(&name).await
        };
        if let Err(failure) = loaded {
            self.presets.remove(&name);
            return Err(failure);
        }
        let oldest = self.loaded.note(&name, caller.key_name(), most);
        oldest.iter().for_each(|preset| self.presets.remove(preset));
        tracing::info!(preset = name, key = caller.key_name(), peer = %caller.address, "an operator has loaded a model");
        Ok(Load { preset: name, was_loaded: false })
    }

    /// Whether a preset has this configuration.
    fn has_fields(&self, preset: &str, fields: &Map<String, Value>) -> bool {
        self.preset(preset).is_some_and(|preset| {
            let mut own = preset.fields.clone();
            own.insert("backend".to_owned(), Value::String(preset.backend.clone()));
            own == *fields
        })
    }

    fn unknown_engine(&self, preset: &str) -> Failure {
        let backend = self.preset(preset).map(|preset| preset.backend.clone()).unwrap_or_default();
        let known = self.catalog.backends().join(", ");
        let message = format!("there is no engine `{}`; there are: {known}", one_line(&backend));
        Failure::new(FailureCode::InvalidOption, message)
    }

    /// The first name that no preset has. So there are few: they are labels of metrics.
    fn free_name(&self) -> String {
        let mut number = 1;
        while self.has_preset(&format!("loaded-{number}")) {
            number += 1;
        }
        format!("loaded-{number}")
    }
}

fn refused(problem: &PresetError) -> Failure {
    Failure::new(FailureCode::InvalidOption, format!("the configuration {problem}"))
}
