//! The protocols that can be measured, and the client's side of each.

use auricle_client::args::STREAM_PATH;
use auricle_core::Encoding;
use auricle_dialects::{client::ClientSide, native, sherpa, vosk, whisper_live};
use clap::ValueEnum;
use serde::Serialize;

/// What a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// Auricle's own, docs/protocol.md
    Auricle,
    /// sherpa-onnx's online servers, in C++ and in Python
    SherpaOnnx,
    /// vosk-server
    Vosk,
    /// WhisperLive
    WhisperLive,
}

impl Protocol {
    /// Where servers listen unless the address says otherwise.
    pub fn path(self) -> &'static str {
        match self {
            Self::Auricle => STREAM_PATH,
            Self::SherpaOnnx | Self::Vosk | Self::WhisperLive => "/",
        }
    }

    /// How samples are written; all of these take 16 kHz, mono.
    pub(super) fn encoding(self) -> Encoding {
        match self {
            Self::Auricle | Self::Vosk => Encoding::S16le,
            Self::SherpaOnnx | Self::WhisperLive => Encoding::F32le,
        }
    }

    /// A stream's side. `preset` is what it asks the server for, where it can ask.
    pub(super) fn dialect(self, preset: Option<&str>) -> Box<dyn ClientSide> {
        match self {
            Self::Auricle => Box::new(native::client::Native::new(preset.unwrap_or_default())),
            Self::SherpaOnnx => Box::new(sherpa::client::Sherpa::default()),
            Self::Vosk => Box::new(vosk::client::Vosk),
            Self::WhisperLive => Box::new(whisper_live::client::WhisperLive::new(preset)),
        }
    }
}
