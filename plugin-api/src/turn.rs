//! A speaker's turns: when one begins, pauses, goes on and ends. Stages find them; the server numbers them.

use serde::{Deserialize, Serialize};

/// Something that happened to a turn.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Turn {
    /// Where it happened, in samples: the start of the speech, or its end.
    pub sample: u64,
    /// What happened.
    pub change: TurnChange,
    /// How sure the stage is that the turn is over, 0 to 1, if it says so.
    #[serde(default)]
    pub confidence: Option<f32>,
    /// The number of the turn in the stream, from 1. The server sets it.
    #[serde(default)]
    pub number: u64,
}

/// What happened to a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TurnChange {
    /// The speaker began to speak. A turn ends before the next one starts.
    Started,
    /// The turn goes on.
    Update,
    /// The turn is probably over: an application may begin to work on an answer. [`Resumed`](Self::Resumed) or
    /// [`Ended`](Self::Ended) follows.
    EagerEnd,
    /// After [`EagerEnd`](Self::EagerEnd): the speaker goes on.
    Resumed,
    /// The turn is over.
    Ended(TurnTrigger),
}

/// Why a turn is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TurnTrigger {
    /// The stage found that it is.
    Model,
    /// The client asked for it, or ended or flushed its audio.
    Manual,
    /// It lasted too long, or a pause did.
    Timeout,
}

impl Turn {
    /// Creates a report of this change at this sample.
    pub fn new(sample: u64, change: TurnChange) -> Self {
        Self { sample, change, confidence: None, number: 0 }
    }

    /// Sets the confidence, 0 to 1.
    #[must_use]
    pub fn confidence(mut self, confidence: f32) -> Self {
        self.confidence = Some(confidence);
        self
    }
}
