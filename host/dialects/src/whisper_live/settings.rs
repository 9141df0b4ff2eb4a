//! The operator's settings of the WhisperLive dialect.

use serde::Deserialize;

/// `[dialects.whisper-live]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WhisperLiveSettings {
    /// The preset for models that are not a preset; by default the only preset that the client may use.
    pub preset: Option<String>,
}
