//! What is said to a server and how its answers are taken, a room for each protocol.
//!
//! Invariant: whatever the protocol, a stream's text is told the same way: final text that is added to, and unstable text
//! after it. So delays mean the same for every server.

mod native;
mod sherpa;
mod vosk;
mod whisper_live;

use crate::{audio::Encoding, client::args::STREAM_PATH};
use clap::ValueEnum;
use serde::Serialize;
use tokio_tungstenite::tungstenite::Message;

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

/// One stream's side of a conversation.
pub(super) trait Dialect: Send {
    /// What is said first.
    fn hello(&self) -> Option<Message> {
        None
    }

    /// Whether the audio has to wait for [`Told::Ready`].
    fn waits(&self) -> bool {
        false
    }

    /// What ends the audio.
    fn end(&self) -> Message;

    /// Whether a server that closes the connection after that has told everything.
    fn ends_by_closing(&self) -> bool {
        false
    }

    /// Appends what a text message tells. What is no message of the protocol tells nothing.
    fn hear(&mut self, line: &str, told: &mut Vec<Told>);
}

/// What a message tells.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Told {
    /// The stream is open.
    Ready,
    /// The text after all that is final; replaces the one before.
    Partial(String),
    /// Text that will not change any more, after all that was final before; ends the partial.
    Final(String),
    /// There is nothing more to tell.
    Done,
    /// The server gives the stream up; why.
    Failed(String),
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
    pub(super) fn dialect(self, preset: Option<&str>) -> Box<dyn Dialect> {
        match self {
            Self::Auricle => Box::new(native::Native::new(preset.unwrap_or_default())),
            Self::SherpaOnnx => Box::new(sherpa::Sherpa::default()),
            Self::Vosk => Box::new(vosk::Vosk),
            Self::WhisperLive => Box::new(whisper_live::WhisperLive::new(preset)),
        }
    }
}

/// Several answers, all of them taken by one dialect.
#[cfg(test)]
fn hear(dialect: &mut dyn Dialect, lines: &[&str]) -> Vec<Told> {
    let mut told = Vec::new();
    lines.iter().for_each(|line| dialect.hear(line, &mut told));
    told
}
