//! The operator's settings of sherpa-onnx's dialects.

use crate::preset::default_preset;
use auricle_core::{AudioFormat, Encoding, Failure, FailureCode, Pace};
use auricle_session::{Admitted, SessionRequest};
use serde::Deserialize;
use serde_json::Map;

/// `[dialects.sherpa]`, for the online and the offline protocol.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SherpaSettings {
    /// The preset for all clients, because they cannot name one; by default the only preset that they may use.
    pub preset: Option<String>,
    /// The sample rate of the online clients' audio in Hz, as sherpa-onnx's `--input-sample-rate`.
    pub sample_rate: u32,
}

impl Default for SherpaSettings {
    fn default() -> Self {
        Self { preset: None, sample_rate: 16_000 }
    }
}

impl SherpaSettings {
    /// The format of the online clients' audio.
    pub(super) fn audio(&self) -> AudioFormat {
        AudioFormat { encoding: Encoding::F32le, sample_rate: self.sample_rate, channels: 1, channel: None }
    }

    /// The session for a client that sends this audio.
    ///
    /// # Errors
    /// The format is out of range, or there is no preset for the client.
    pub(super) fn request(&self, audio: AudioFormat, admitted: &Admitted) -> Result<SessionRequest, Failure> {
        audio
            .check()
            .map_err(|problem| Failure::new(FailureCode::BadAudio, format!("[dialects.sherpa]: {problem}")))?;
        let preset = default_preset(self.preset.as_ref(), "sherpa", "", admitted)?;
        Ok(SessionRequest { preset, options: Map::new(), audio, multichannel: false, pace: Pace::Live })
    }
}
