//! The operator's settings of sessions over WebRTC.

use serde::Deserialize;

/// `[dialects.webrtc]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebRtcSettings {
    /// The preset for clients that name none; by default the only preset that the client may use.
    pub preset: Option<String>,
}
