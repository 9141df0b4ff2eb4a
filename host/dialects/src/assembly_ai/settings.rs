//! The operator's settings of the AssemblyAI dialect.

use serde::Deserialize;

/// `[dialects.assemblyai]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AssemblyAiSettings {
    /// The preset for clients that name no model; by default the only preset that the client may use.
    pub preset: Option<String>,
}
