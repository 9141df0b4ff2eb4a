//! Selects a detector according to the preset.
//!
//! Invariant: the selected detector is used, or the model is not loaded. Threads: any.

use super::{Energy, Vad};
use auricle_plugin_api::{Config, Error, Field, Host, Schema};

const VAD: &str = "vad";
/// Detectors of this build; the first is the default.
#[cfg(feature = "onnx")]
const NAMES: [&str; 2] = ["silero", "energy"];
#[cfg(not(feature = "onnx"))]
const NAMES: [&str; 1] = ["energy"];

/// Creates detectors for streams.
#[derive(Clone)]
#[non_exhaustive]
pub enum Detector {
    /// [`Energy`].
    Energy,
    /// [`Silero`](super::Silero).
    #[cfg(feature = "onnx")]
    Silero(std::sync::Arc<crate::onnx::Sessions>),
}

impl Detector {
    /// Adds the field that [`Detector::load`] reads.
    pub fn field(schema: Schema) -> Schema {
        schema.field(Field::load(VAD).one_of(NAMES).default(NAMES[0]).describe(
            "the speech detector: `silero`, a network, or `energy`, which only measures loudness, for quiet rooms",
        ))
    }

    /// Loads the detector that the preset selects.
    ///
    /// # Errors
    /// The network is missing or cannot be used, or this build has no detector with that name.
    pub fn load(config: &Config, host: &Host) -> Result<Self, Error> {
        match config.get::<String>(VAD)?.as_str() {
            "energy" => Ok(Self::Energy),
            #[cfg(feature = "onnx")]
            "silero" => super::Silero::load(host).map(|sessions| Self::Silero(std::sync::Arc::new(sessions))),
            other => {
                let _ = host;
                Err(Error::config(VAD, format!("is \"{other}\": this engine has {}", NAMES.join(", "))))
            }
        }
    }

    /// Creates a detector for a stream.
    pub fn detector(&self) -> Box<dyn Vad> {
        match self {
            Self::Energy => Box::new(Energy::default()),
            #[cfg(feature = "onnx")]
            Self::Silero(sessions) => Box::new(super::Silero::new(std::sync::Arc::clone(sessions))),
        }
    }
}
