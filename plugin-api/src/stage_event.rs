//! The events that pass through stages.

use crate::{Segment, Turn};

/// An event on its way from the engine to the client. Times are samples at the model's rate.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum StageEvent {
    /// The unstable hypothesis after the last segment.
    Partial(Segment),
    /// Final text.
    Segment(Segment),
    /// Speech started at this sample.
    SpeechStarted(u64),
    /// The utterance ended at this sample.
    Endpoint(u64),
    /// Something happened to a turn.
    Turn(Turn),
}

impl StageEvent {
    /// The last sample that the event is about.
    pub fn sample(&self) -> u64 {
        match self {
            Self::Partial(text) | Self::Segment(text) => text.end,
            Self::SpeechStarted(sample) | Self::Endpoint(sample) => *sample,
            Self::Turn(turn) => turn.sample,
        }
    }
}
