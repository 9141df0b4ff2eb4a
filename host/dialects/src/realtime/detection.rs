//! How items end: what a client asks for, and what that means to the stage that finds a preset's turns. No I/O.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The pauses in ms that a client may set for a stage.
const SILENCES: (u32, u32) = (100, 60_000);

/// What ends items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnDetection {
    /// The client does.
    Off,
    /// The server, after a pause of so many ms, if the client names one.
    Silence(Option<u32>),
    /// The server, by how the speech sounds.
    Meaning(Eagerness),
}

/// How soon.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Eagerness {
    /// As the preset says.
    #[default]
    Auto,
    /// Late.
    Low,
    /// As usual.
    Medium,
    /// Early.
    High,
}

/// What is asked of a stage.
#[derive(Debug, Default, PartialEq)]
pub(super) struct StageLimits {
    /// The pause after which an item ends in any case.
    pub(super) silence_seconds: Option<f64>,
    /// How sure the stage must be.
    pub(super) end_threshold: Option<f64>,
}

impl TurnDetection {
    /// What it asks of a stage that finds turns.
    pub(super) fn limits(self) -> StageLimits {
        // The pauses are those of OpenAI's service.
        let (silence, threshold) = match self {
            Self::Silence(Some(ms)) => (f64::from(ms.clamp(SILENCES.0, SILENCES.1)) / 1000.0, None),
            Self::Meaning(Eagerness::Low) => (8.0, Some(0.7)),
            Self::Meaning(Eagerness::Medium) => (4.0, Some(0.5)),
            Self::Meaning(Eagerness::High) => (2.0, Some(0.3)),
            Self::Off | Self::Silence(None) | Self::Meaning(Eagerness::Auto) => return StageLimits::default(),
        };
        StageLimits { silence_seconds: Some(silence), end_threshold: threshold }
    }

    /// Its parameter that has no effect without such a stage, unless it is the default.
    pub(super) fn parameter(self) -> Option<&'static str> {
        match self {
            Self::Silence(Some(ms)) if ms != 500 => Some("turn_detection.silence_duration_ms"),
            Self::Meaning(eagerness) if eagerness != Eagerness::Auto => Some("turn_detection.eagerness"),
            _ => None,
        }
    }

    /// As it is told to the client; `has_stage`: a stage takes it up.
    pub(super) fn told(self, has_stage: bool) -> Option<Value> {
        match self {
            Self::Off => None,
            Self::Silence(Some(ms)) if has_stage => Some(json!({"type": "server_vad", "silence_duration_ms": ms})),
            Self::Meaning(eagerness) if has_stage => Some(json!({"type": "semantic_vad", "eagerness": eagerness})),
            // Its parameters are the engine's, or the preset's.
            Self::Silence(_) | Self::Meaning(_) => Some(json!({"type": "server_vad"})),
        }
    }
}
