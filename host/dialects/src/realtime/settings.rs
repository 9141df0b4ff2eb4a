//! The operator's settings of the dialect.

use serde::Deserialize;

/// `[dialects.openai-realtime]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RealtimeSettings {
    /// The preset for clients that name no model; by default the only preset that the client may use.
    pub preset: Option<String>,
}
