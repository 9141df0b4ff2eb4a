//! The operator's settings of the vosk dialect: presets for the model names that clients use.

use super::config::Options;
use auricle_core::{Failure, FailureCode};
use auricle_session::Admitted;
use serde::Deserialize;
use std::collections::BTreeMap;

/// `[dialects.vosk]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VoskSettings {
    /// The preset for clients that name no model; by default the only preset that they may use.
    pub preset: Option<String>,
    /// Presets by the model names that clients use. The name of a preset works too.
    pub models: BTreeMap<String, String>,
}

impl VoskSettings {
    /// Finds the preset for a client.
    ///
    /// # Errors
    /// The client names no model, and it may use several presets or none.
    pub(super) fn preset(&self, options: &Options, admitted: &Admitted) -> Result<String, Failure> {
        if let Some(model) = &options.model {
            return Ok(self.models.get(model).unwrap_or(model).clone());
        }
        if let Some(preset) = &self.preset {
            return Ok(preset.clone());
        }
        let mut presets = admitted.sessions().presets(admitted.caller());
        match (presets.pop(), presets.is_empty()) {
            (Some(only), true) => Ok(only),
            (last, _) => {
                presets.extend(last);
                let names = if presets.is_empty() { "none".to_owned() } else { presets.join(", ") };
                let message = format!(
                    "no model is named, and there is no default preset: set `model` in `config` (available: \
                     {names}), or set `preset` under [dialects.vosk] in auricle.toml"
                );
                Err(Failure::new(FailureCode::UnknownPreset, message))
            }
        }
    }
}
