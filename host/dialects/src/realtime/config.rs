//! What is in effect for a session, and how it is told to the client.

use super::{detection::TurnDetection, messages::Shape};
use auricle_core::{AudioFormat, Encoding};
use serde_json::{Value, json};

/// The rate of PCM if the client does not name one, in Hz.
pub(super) const PCM_RATE: u32 = 24_000;
/// The rate of G.711 if the client does not name one, in Hz.
pub(super) const G711_RATE: u32 = 8_000;
/// The value of `include` for the probabilities of words.
pub(super) const LOGPROBS: &str = "item.input_audio_transcription.logprobs";

/// Models of OpenAI without turn detection. Clients do not turn it off for them, and commit.
const CLIENT_ENDS: [&str; 2] = ["gpt-realtime-whisper", "gpt-live-transcribe"];

/// What is in effect for a session.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The format of the audio.
    pub audio: AudioFormat,
    /// What is asked of the engine.
    pub transcription: Transcription,
    /// What ends items. `None`: as the model of this name does at OpenAI.
    pub turn_detection: Option<TurnDetection>,
    /// Whether a stage of the preset takes that up.
    pub(super) has_stage: bool,
    /// Whether texts have the probabilities of their words.
    pub logprobs: bool,
    /// Parameters of the client that have no effect.
    pub ignored: Vec<&'static str>,
}

/// What is asked of the engine.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Transcription {
    /// The model's name.
    pub model: Option<String>,
    /// The spoken language; `None` to detect it.
    pub language: Option<String>,
    /// Text before the audio, or phrases.
    pub prompt: String,
    /// Phrases that are likely to be spoken.
    pub keywords: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            audio: AudioFormat { sample_rate: PCM_RATE, ..AudioFormat::default() },
            transcription: Transcription::default(),
            turn_detection: None,
            has_stage: false,
            logprobs: false,
            ignored: Vec::new(),
        }
    }
}

impl Config {
    /// What ends items.
    pub(super) fn detection(&self) -> TurnDetection {
        let model = self.transcription.model.as_deref().unwrap_or_default();
        let is_clients = || CLIENT_ENDS.iter().any(|name| model.starts_with(name));
        let usual = || if is_clients() { TurnDetection::Off } else { TurnDetection::Silence(None) };
        self.turn_detection.unwrap_or_else(usual)
    }

    /// Whether the server ends items.
    pub(super) fn detects_turns(&self) -> bool {
        self.detection() != TurnDetection::Off
    }

    /// The session as it is told to the client.
    pub fn session(&self, id: &str, shape: Shape) -> Value {
        let include = self.logprobs.then_some([LOGPROBS]);
        let turn_detection = self.detection().told(self.has_stage);
        let object = "realtime.transcription_session";
        match shape {
            Shape::Current => json!({
                "id": id, "object": object, "type": "transcription", "include": include,
                "audio": {"input": {
                    "format": self.format(), "transcription": self.told_transcription(), "noise_reduction": null,
                    "turn_detection": turn_detection,
                }},
            }),
            Shape::Beta => json!({
                "id": id, "object": object, "include": include, "input_audio_format": self.beta_format(),
                "input_audio_transcription": self.told_transcription(), "input_audio_noise_reduction": null,
                "turn_detection": turn_detection,
            }),
        }
    }

    fn format(&self) -> Value {
        let rate = self.audio.sample_rate;
        let kind = match self.audio.encoding {
            Encoding::Mulaw => "audio/pcmu",
            Encoding::Alaw => "audio/pcma",
            Encoding::S16le | Encoding::F32le => return json!({"type": "audio/pcm", "rate": rate}),
        };
        if rate == G711_RATE { json!({"type": kind}) } else { json!({"type": kind, "rate": rate}) }
    }

    fn beta_format(&self) -> &'static str {
        match self.audio.encoding {
            Encoding::Mulaw => "g711_ulaw",
            Encoding::Alaw => "g711_alaw",
            Encoding::S16le | Encoding::F32le => "pcm16",
        }
    }

    fn told_transcription(&self) -> Option<Value> {
        let Transcription { model, language, prompt, keywords } = &self.transcription;
        let mut told = json!({"model": model.as_ref()?, "language": language, "prompt": prompt});
        if !keywords.is_empty() {
            told["keywords"] = json!(keywords);
        }
        Some(told)
    }
}
