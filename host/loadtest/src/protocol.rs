//! The protocols that can be measured, each with its client's side.

use auricle_client::url::STREAM_PATH;
use auricle_core::Encoding;
use auricle_dialects::{client::ClientSide, native, sherpa, vosk, whisper_live, whisper_live_kit};
use clap::ValueEnum;
use serde::Serialize;

/// The protocol of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// Auricle's native protocol (docs/protocol.md)
    Auricle,
    /// sherpa-onnx's online servers (C++ and Python)
    SherpaOnnx,
    /// vosk-server
    Vosk,
    /// WhisperLive
    WhisperLive,
    /// WhisperLiveKit, started with --pcm-input
    WhisperLiveKit,
}

impl Protocol {
    /// Default URL path.
    pub fn path(self) -> &'static str {
        match self {
            Self::Auricle => STREAM_PATH,
            Self::WhisperLiveKit => "/asr",
            Self::SherpaOnnx | Self::Vosk | Self::WhisperLive => "/",
        }
    }

    /// Encoding of the samples. All protocols use 16 kHz, mono.
    pub(super) fn encoding(self) -> Encoding {
        match self {
            Self::Auricle | Self::Vosk | Self::WhisperLiveKit => Encoding::S16le,
            Self::SherpaOnnx | Self::WhisperLive => Encoding::F32le,
        }
    }

    /// Creates the client's side of a stream. `preset` is used if the protocol can name a model.
    pub(super) fn dialect(self, preset: Option<&str>) -> Box<dyn ClientSide> {
        match self {
            Self::Auricle => Box::new(native::client::Native::new(preset.unwrap_or_default())),
            Self::SherpaOnnx => Box::new(sherpa::client::Sherpa::default()),
            Self::Vosk => Box::new(vosk::client::Vosk),
            Self::WhisperLive => Box::new(whisper_live::client::WhisperLive::new(preset)),
            Self::WhisperLiveKit => Box::new(whisper_live_kit::client::WhisperLiveKit::default()),
        }
    }
}
