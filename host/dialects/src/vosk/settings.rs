//! The operator's settings of the vosk dialect: presets for the model names that clients use.

use super::config::Options;
use crate::preset::default_preset;
use auricle_core::Failure;
use auricle_session::Admitted;
use serde::Deserialize;
use std::collections::BTreeMap;

/// `[dialects.vosk]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VoskSettings {
    /// The preset for clients that name no model; by default the only preset that they may use.
    pub preset: Option<String>,
    /// Presets by the model names that clients use, before those in `[models]`. The name of a preset works too.
    pub models: BTreeMap<String, String>,
}

impl VoskSettings {
    /// Finds the preset for a client.
    ///
    /// # Errors
    /// The client names no model, and it may use several presets or none.
    pub(super) fn preset(&self, options: &Options, admitted: &Admitted) -> Result<String, Failure> {
        if let Some(model) = &options.model {
            let own = self.models.get(model).cloned();
            return Ok(own.unwrap_or_else(|| admitted.sessions().preset_for(model)));
        }
        default_preset(self.preset.as_ref(), "vosk", "set `model` in `config`, or ", admitted)
    }
}
