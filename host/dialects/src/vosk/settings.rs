//! What the operator says of the vosk dialect: which preset is meant by the names that clients know.

use super::config::Options;
use auricle_core::{Failure, FailureCode};
use auricle_session::Admitted;
use serde::Deserialize;
use std::collections::BTreeMap;

/// `[dialects.vosk]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VoskSettings {
    /// The preset for clients that name no model; where absent, the only one that they may use.
    pub preset: Option<String>,
    /// What clients call models: which preset each is. A preset's own name will do as well.
    pub models: BTreeMap<String, String>,
}

impl VoskSettings {
    /// The preset that a client means.
    ///
    /// # Errors
    /// Where it names none, and there is more than one, or none.
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
                    "no model is named, and there is no preset for that case: name one by `model` in `config` (there are: \
                     {names}), or set `preset` under [dialects.vosk] in auricle.toml"
                );
                Err(Failure::new(FailureCode::UnknownPreset, message))
            }
        }
    }
}
