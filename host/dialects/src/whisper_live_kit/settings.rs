//! The operator's settings of the WhisperLiveKit dialect.

use serde::Deserialize;

/// `[dialects.whisper-live-kit]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WhisperLiveKitSettings {
    /// The preset of its clients, which name none; by default the only preset that the client may use.
    pub preset: Option<String>,
}
