//! The operator's settings of the Wyoming dialect.

use serde::Deserialize;

/// `[dialects.wyoming]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WyomingSettings {
    /// The preset for clients that name none; by default the only preset that they may use.
    pub preset: Option<String>,
    /// The languages (BCP 47) of presets that do not name their own. Home Assistant offers only languages that are named.
    pub languages: Vec<String>,
}
