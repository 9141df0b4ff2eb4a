//! The objects of stages at the boundary. The methods mirror [`crate::StageLoader`], [`crate::Stage`] and
//! [`crate::StageStream`], which document their contracts.
//!
//! Not released yet; frozen from plugin API 1.1 on, like `types` and `traits`. New kinds of events need no new types: a stage passes
//! on what it does not know, a host ignores it.

#![allow(missing_docs, non_camel_case_types, non_local_definitions, reason = "sabi_trait generates undocumented items")]
#![allow(clippy::undocumented_unsafe_blocks, unsafe_op_in_unsafe_fn, reason = "sabi_trait generates unsafe code")]

use super::{AbiResult, AbiSegment, lend};
use crate::{StageEvent, Turn};
use abi_stable::{
    StableAbi, sabi_trait,
    sabi_types::RMut,
    std_types::{RBox, ROption, RSlice, RStr, RVec},
};

const PARTIAL: u32 = 1;
const SEGMENT: u32 = 2;
const SPEECH_STARTED: u32 = 3;
const ENDPOINT: u32 = 4;
const TURN: u32 = 5;

/// An event, borrowed for the duration of the call. What a kind does not need is 0 or empty.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct AbiEvent<'a> {
    /// 1 partial, 2 segment, 3 speech started, 4 endpoint, 5 turn.
    pub kind: u32,
    /// Of events without a text.
    pub sample: u64,
    /// Of partials and segments.
    pub segment: AbiSegment<'a>,
    /// A JSON object, or empty: for turns [`crate::Turn`].
    pub data: RSlice<'a, u8>,
}

/// The host's end of a call to a stage: receives the stage's events.
#[sabi_trait]
pub trait AbiStageSink {
    fn event(&mut self, event: AbiEvent<'_>);
    #[sabi(last_prefix_field)]
    fn cancelled(&self) -> bool;
}
pub type AbiStageSinkMut<'a> = AbiStageSink_TO<'a, RMut<'a, ()>>;

/// A factory of stages. Documents are JSON.
#[sabi_trait]
pub trait AbiStageLoader: Send + Sync {
    fn name(&self) -> AbiResult<RVec<u8>>;
    fn schema(&self) -> AbiResult<RVec<u8>>;
    fn load(&self, config: RSlice<'_, u8>) -> AbiResult<AbiStageBox>;
    #[sabi(last_prefix_field)]
    fn extension(&self, id: RStr<'_>, request: RSlice<'_, u8>) -> AbiResult<ROption<RVec<u8>>>;
}
pub type AbiStageLoaderBox = AbiStageLoader_TO<'static, RBox<()>>;

/// A loaded stage.
#[sabi_trait]
pub trait AbiStage: Send + Sync {
    fn metadata(&self) -> AbiResult<RVec<u8>>;
    #[sabi(last_prefix_field)]
    fn stream(&self, options: RSlice<'_, u8>) -> AbiResult<AbiStageStreamBox>;
}
pub type AbiStageBox = AbiStage_TO<'static, RBox<()>>;

/// The state of one stream in a stage.
#[sabi_trait]
pub trait AbiStageStream: Send {
    fn init(&mut self, offset: u64) -> AbiResult<()>;
    fn audio(&mut self, samples: RSlice<'_, f32>, sink: AbiStageSinkMut<'_>) -> AbiResult<()>;
    fn event(&mut self, event: AbiEvent<'_>, sink: AbiStageSinkMut<'_>) -> AbiResult<()>;
    fn end_turn(&mut self, sink: AbiStageSinkMut<'_>) -> AbiResult<()>;
    fn finish(&mut self, sink: AbiStageSinkMut<'_>) -> AbiResult<()>;
    fn save(&mut self) -> AbiResult<RVec<u8>>;
    fn restore(&mut self, sample: u64, state: RSlice<'_, u8>) -> AbiResult<()>;
    #[sabi(last_prefix_field)]
    fn extension(&mut self, id: RStr<'_>, request: RSlice<'_, u8>) -> AbiResult<ROption<RVec<u8>>>;
}
pub type AbiStageStreamBox = AbiStageStream_TO<'static, RBox<()>>;

/// A segment of nothing.
fn no_text<'a>() -> AbiSegment<'a> {
    AbiSegment {
        start: 0,
        end: 0,
        text: RSlice::EMPTY,
        confidence: f32::NAN,
        language: RSlice::EMPTY,
        words: RSlice::EMPTY,
        extra: RSlice::EMPTY,
    }
}

/// Passes `event` to `receive` in its borrowed form.
pub(crate) fn lend_event<R>(event: &StageEvent, receive: impl FnOnce(AbiEvent<'_>) -> R) -> R {
    let (kind, sample, text) = match event {
        StageEvent::Partial(text) => (PARTIAL, 0, Some(text)),
        StageEvent::Segment(text) => (SEGMENT, 0, Some(text)),
        StageEvent::SpeechStarted(sample) => (SPEECH_STARTED, *sample, None),
        StageEvent::Endpoint(sample) => (ENDPOINT, *sample, None),
        StageEvent::Turn(turn) => (TURN, turn.sample, None),
    };
    if let Some(text) = text {
        return lend(text, |segment| receive(AbiEvent { kind, sample, segment, data: RSlice::EMPTY }));
    }
    let data = match event {
        StageEvent::Turn(turn) => serde_json::to_vec(turn).unwrap_or_default(),
        _ => Vec::new(),
    };
    receive(AbiEvent { kind, sample, segment: no_text(), data: data.as_slice().into() })
}

/// The event, if this version knows it.
pub(crate) fn known_event(event: &AbiEvent<'_>) -> Option<StageEvent> {
    Some(match event.kind {
        PARTIAL => StageEvent::Partial(event.segment.into()),
        SEGMENT => StageEvent::Segment(event.segment.into()),
        SPEECH_STARTED => StageEvent::SpeechStarted(event.sample),
        ENDPOINT => StageEvent::Endpoint(event.sample),
        TURN => {
            let mut turn: Turn = serde_json::from_slice(&event.data).ok()?;
            turn.confidence = turn.confidence.filter(|sure| sure.is_finite()).map(|sure| sure.clamp(0.0, 1.0));
            StageEvent::Turn(turn)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Segment, TurnChange, TurnTrigger};

    #[test]
    fn an_event_crosses_whole() {
        let text = || Segment::new(5, 9, "hi there").confidence(0.5).language("en").extra("speaker", "S1");
        for event in [
            StageEvent::Partial(text()),
            StageEvent::Segment(text()),
            StageEvent::SpeechStarted(7),
            StageEvent::Endpoint(8),
            StageEvent::Turn(Turn::new(9, TurnChange::Started)),
            StageEvent::Turn(Turn::new(9, TurnChange::Ended(TurnTrigger::Timeout)).confidence(0.25)),
        ] {
            assert_eq!(lend_event(&event, |lent| known_event(&lent)), Some(event));
        }
    }

    #[test]
    fn nonsense_is_made_harmless_and_what_is_new_is_not_known() {
        let turn = StageEvent::Turn(Turn::new(9, TurnChange::Started));
        let read = |kind, data: &'static [u8]| {
            lend_event(&turn, |lent| known_event(&AbiEvent { kind, data: data.into(), ..lent }))
        };
        assert_eq!(read(77, b"{}"), None);
        assert_eq!(read(TURN, b"[not a turn"), None);
        assert_eq!(read(TURN, br#"{"sample": 1, "change": "sighed"}"#), None);
        let sure = read(TURN, br#"{"sample": 1, "change": "started", "confidence": 9, "later": 1}"#);
        assert_eq!(sure, Some(StageEvent::Turn(Turn::new(1, TurnChange::Started).confidence(1.0))));
    }
}
