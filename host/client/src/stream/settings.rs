//! What a stream is opened with.

use crate::server::Server;
use auricle_core::{
    AudioFormat,
    native::{Pace, Start},
};
use serde_json::{Map, Value};
use std::time::Duration;

/// Live audio that is kept, if the settings do not say how much.
const KEEP: Duration = Duration::from_secs(120);
/// How long the stream tries to connect again.
const GIVE_UP: Duration = Duration::from_secs(300);

/// What a stream is opened with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The server, with the key and the trust in its certificate.
    pub server: Server,
    /// A name from `GET /v1/presets`.
    pub preset: String,
    /// Stream fields that the preset opens.
    pub options: Map<String, Value>,
    /// Of the audio: 8,000 to 192,000 Hz, 1 to 8 channels, which are mixed unless one is selected.
    pub audio: AudioFormat,
    /// Whether each channel has a transcript of its own, instead: [`Message::channel`](crate::Message::channel).
    pub multichannel: bool,
    /// Live: audio is sent as it is spoken. File: as fast as the engine processes it; wait for
    /// [`drained`](crate::Stream::drained) between two sends.
    pub pace: Pace,
    /// Audio that is kept for a reconnect. `None`: 120 s of live audio, any length of a file.
    pub keep: Option<Duration>,
    /// Time without a connection after which the stream fails. Zero: it never connects again.
    pub give_up: Duration,
}

impl Settings {
    /// Live audio: 16 kHz, one channel, 16-bit integers; kept for 120 s. The stream gives up after 300 s without a
    /// connection.
    pub fn new(server: Server, preset: impl Into<String>) -> Self {
        Self {
            server,
            preset: preset.into(),
            options: Map::new(),
            audio: AudioFormat::default(),
            multichannel: false,
            pace: Pace::Live,
            keep: None,
            give_up: GIVE_UP,
        }
    }

    /// Bytes of audio that are kept; `None` if there is no limit.
    pub(super) fn keep_bytes(&self) -> Option<u64> {
        let keep = match (self.keep, self.pace) {
            (Some(keep), _) => keep,
            (None, Pace::Live) => KEEP,
            (None, Pace::File) => return None,
        };
        Some((keep.as_secs_f64() * self.bytes_per_second() as f64) as u64)
    }

    pub(super) fn bytes_per_second(&self) -> u64 {
        self.audio.frame_bytes() as u64 * u64::from(self.audio.sample_rate)
    }

    pub(super) fn start(&self) -> Start {
        let AudioFormat { encoding: format, sample_rate, channels, channel } = self.audio;
        let (preset, options) = (self.preset.clone(), self.options.clone());
        let resume = !self.give_up.is_zero();
        let (multichannel, pace) = (self.multichannel, self.pace);
        Start { preset, options, format, sample_rate, channels, channel, multichannel, pace, resume }
    }
}
