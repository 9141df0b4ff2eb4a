//! The operator's settings of the Riva dialect.

use serde::Deserialize;

/// `[dialects.riva]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RivaSettings {
    /// The preset for clients that name no model; by default the only preset that the client may use.
    pub preset: Option<String>,
}
