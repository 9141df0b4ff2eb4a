//! The events of a stage as `stages.py` gets and returns them: JSON, with times in seconds of the stream.
//!
//! Threads: any.

use auricle_plugin_api::{Segment, StageEvent, Turn, TurnChange, TurnTrigger, Word};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// An event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Told {
    Partial(Text),
    Segment(Text),
    SpeechStarted {
        time: f64,
    },
    Endpoint {
        time: f64,
    },
    Turn {
        time: f64,
        change: Change,
        /// Of a turn that has ended.
        trigger: Option<TurnTrigger>,
        confidence: Option<f32>,
    },
}

/// A text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Text {
    start: f64,
    end: f64,
    text: String,
    confidence: Option<f32>,
    language: Option<String>,
    #[serde(default)]
    words: Vec<TimedWord>,
    #[serde(default)]
    extra: Map<String, Value>,
}

/// A word of a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct TimedWord {
    start: f64,
    end: f64,
    text: String,
    confidence: Option<f32>,
    #[serde(default)]
    extra: Map<String, Value>,
}

/// What happened to a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Change {
    Started,
    Update,
    EagerEnd,
    Resumed,
    Ended,
}

/// A sample of the stream as seconds.
pub(crate) fn seconds(sample: u64, rate: u32) -> f64 {
    sample as f64 / f64::from(rate)
}

/// A time as a sample of the stream. A conversion of a float is limited to the range of the integer.
fn sample(seconds: f64, rate: u32) -> u64 {
    (seconds * f64::from(rate)).round() as u64
}

impl Told {
    /// An event of audio at this rate. `None` if this version does not know it.
    pub(crate) fn of(event: &StageEvent, rate: u32) -> Option<Self> {
        Some(match event {
            StageEvent::Partial(text) => Self::Partial(Text::of(text, rate)),
            StageEvent::Segment(text) => Self::Segment(Text::of(text, rate)),
            StageEvent::SpeechStarted(at) => Self::SpeechStarted { time: seconds(*at, rate) },
            StageEvent::Endpoint(at) => Self::Endpoint { time: seconds(*at, rate) },
            StageEvent::Turn(turn) => {
                let (change, trigger) = match turn.change {
                    TurnChange::Started => (Change::Started, None),
                    TurnChange::Update => (Change::Update, None),
                    TurnChange::EagerEnd => (Change::EagerEnd, None),
                    TurnChange::Resumed => (Change::Resumed, None),
                    TurnChange::Ended(trigger) => (Change::Ended, Some(trigger)),
                    _ => return None,
                };
                Self::Turn { time: seconds(turn.sample, rate), change, trigger, confidence: turn.confidence }
            }
            _ => return None,
        })
    }

    /// The event. The server corrects times that are out of order or outside of the audio.
    pub(crate) fn into_event(self, rate: u32) -> StageEvent {
        match self {
            Self::Partial(text) => StageEvent::Partial(text.into_segment(rate)),
            Self::Segment(text) => StageEvent::Segment(text.into_segment(rate)),
            Self::SpeechStarted { time } => StageEvent::SpeechStarted(sample(time, rate)),
            Self::Endpoint { time } => StageEvent::Endpoint(sample(time, rate)),
            Self::Turn { time, change, trigger, confidence } => {
                let change = match change {
                    Change::Started => TurnChange::Started,
                    Change::Update => TurnChange::Update,
                    Change::EagerEnd => TurnChange::EagerEnd,
                    Change::Resumed => TurnChange::Resumed,
                    Change::Ended => TurnChange::Ended(trigger.unwrap_or(TurnTrigger::Model)),
                };
                let mut turn = Turn::new(sample(time, rate), change);
                turn.confidence = confidence;
                StageEvent::Turn(turn)
            }
        }
    }
}

impl Text {
    fn of(text: &Segment, rate: u32) -> Self {
        let word = |word: &Word| TimedWord {
            start: seconds(word.start, rate),
            end: seconds(word.end, rate),
            text: word.text().into_owned(),
            confidence: word.confidence,
            extra: word.extra.clone(),
        };
        Self {
            start: seconds(text.start, rate),
            end: seconds(text.end, rate),
            text: text.text().into_owned(),
            confidence: text.confidence,
            language: text.language.clone(),
            words: text.words.iter().map(word).collect(),
            extra: text.extra.clone(),
        }
    }

    fn into_segment(self, rate: u32) -> Segment {
        let mut segment = Segment::new(sample(self.start, rate), sample(self.end.max(self.start), rate), self.text);
        (segment.confidence, segment.language, segment.extra) = (self.confidence, self.language, self.extra);
        let word = |word: TimedWord| {
            let mut told = Word::new(sample(word.start, rate), sample(word.end.max(word.start), rate), word.text);
            (told.confidence, told.extra) = (word.confidence, word.extra);
            told
        };
        segment.words = self.words.into_iter().map(word).collect();
        segment
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_event_comes_back_as_it_was() {
        let word = Word::new(5, 7, "hi").confidence(0.25).extra("rank", 1);
        let text = || Segment::new(5, 9, "hi there").confidence(0.5).language("en").extra("speaker", "S1");
        for event in [
            StageEvent::Partial(Segment::new(0, 0, "")),
            StageEvent::Segment(text().words(vec![word])),
            StageEvent::SpeechStarted(7),
            StageEvent::Endpoint(8),
            StageEvent::Turn(Turn::new(9, TurnChange::Started)),
            StageEvent::Turn(Turn::new(9, TurnChange::EagerEnd).confidence(0.75)),
            StageEvent::Turn(Turn::new(9, TurnChange::Ended(TurnTrigger::Timeout))),
        ] {
            let json = serde_json::to_vec(&Told::of(&event, 16_000).unwrap()).unwrap();
            let told: Told = serde_json::from_slice(&json).unwrap();
            assert_eq!(told.into_event(16_000), event);
        }
    }

    proptest! {
        #[test]
        fn a_sample_is_the_same_after_it_was_seconds(at in 0u64..1 << 42, rate in 1_000u32..384_000) {
            prop_assert_eq!(sample(seconds(at, rate), rate), at);
        }
    }
}
