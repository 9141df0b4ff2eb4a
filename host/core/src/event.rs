//! The events of a stream, independent of any protocol. Positions are samples at the model's rate.

use crate::failure::Failure;
use auricle_plugin_api::{Segment, Turn};
use std::time::Duration;

/// What a client asked for and does not get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The field of the client's options.
    pub field: &'static str,
    /// What is not done, and why, for people.
    pub message: String,
}

/// An event of a stream. Segments are ordered by time, lie within the processed audio, and are trimmed, valid UTF-8.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The processor is ready for audio from time 0 on.
    Ready {
        /// 0 at first; each reset adds one.
        epoch: u32,
    },
    /// Something that the client asked for is not done. Right after the first `Ready`.
    Warning(Warning),
    /// Speech began at this sample.
    SpeechStarted(u64),
    /// The unstable text after the last segment.
    Partial(Segment),
    /// Final text.
    Segment(Segment),
    /// The utterance ended at this sample.
    Endpoint(u64),
    /// Something happened to a turn of the speaker. The client knows its start, and it has one end.
    Turn(Turn),
    /// How long the oldest waiting audio has waited for the engine since it arrived; 0 once the stream has caught up.
    Lag(Duration),
    /// Audio that no engine has processed: its first sample, and the first sample after it.
    Gap(u64, u64),
    /// The engine reported no text although somebody speaks. It was started anew at this sample, and gets the audio from there
    /// on again.
    Restarted(u64),
    /// All text up to a flush has been reported. The value is the client's frame count at the flush.
    Flushed(u64),
    /// The stream failed. This is its last event.
    Failed(Failure),
    /// All text up to this sample has been reported. This is the stream's last event.
    Done(u64),
}
