//! The bytes of a gate's restart point: its own state, the detector's, and the engine's.
//!
//! Invariant: what was encoded is decoded unchanged; anything else is refused as a whole. Threads: any.

use super::{activity::Activity, timeline::Timeline};
use auricle_plugin_api::{Error, ErrorCode};
use serde::{Deserialize, Serialize};

/// Identifies the layout and its version.
const MARK: &[u8; 8] = b"v-gate-1";

/// What a gate's later decisions depend on, besides the audio and the detector. Samples are the stream's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    /// Where the stream was started.
    pub(super) origin: u64,
    /// The end of the last window.
    pub(super) detected: u64,
    /// Audio before it is passed on or left out for good. While somebody speaks it lies ahead.
    pub(super) decided: u64,
    pub(super) activity: Activity,
    /// `None` while the engine is not started.
    pub(super) engine: Option<Engine>,
    /// What was left out since the engine was started.
    pub(super) timeline: Timeline,
    /// The end of the last text of the utterance.
    pub(super) reported: u64,
}

/// The place of an engine that was started. The samples are the engine's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Engine {
    /// Where it was started.
    pub(super) start: u64,
    /// The first sample that it has not received.
    pub(super) next: u64,
}

/// A restart point.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Point<'a> {
    pub(super) state: State,
    /// The state of the detector.
    pub(super) detector: Vec<f32>,
    /// The engine's own state; empty if it is not started.
    #[serde(with = "serde_bytes")]
    pub(super) engine: &'a [u8],
}

impl<'a> Point<'a> {
    pub(super) fn encode(&self) -> Result<Vec<u8>, Error> {
        Ok(postcard::to_extend(self, MARK.to_vec())?)
    }

    /// Decodes the state of a point.
    ///
    /// # Errors
    /// It is not from here.
    pub(super) fn decode(bytes: &'a [u8]) -> Result<Self, Error> {
        let bytes = bytes.strip_prefix(MARK).ok_or_else(refused)?;
        let (point, rest): (Self, _) = postcard::take_from_bytes(bytes).map_err(|_| refused())?;
        let state = &point.state;
        let in_order = state.origin <= state.detected && (state.activity.speech || state.decided <= state.detected);
        let sound =
            in_order && state.engine.is_none_or(|engine| engine.start <= engine.next) && state.timeline.is_sound();
        (sound && rest.is_empty()).then_some(point).ok_or_else(refused)
    }
}

/// The error for a state that is not from here.
pub(super) fn refused() -> Error {
    Error::new(ErrorCode::CONTRACT, "the restart state is not of a stream with a voice gate")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn comes_back_whole_or_not_at_all() {
        let mut state = State { origin: 1, detected: 2_000, decided: 1_500, reported: 7, ..State::default() };
        state.engine = Some(Engine { start: 1, next: 900 });
        state.timeline.leave_out(400, 400, 900);
        let point = || Point { state: state.clone(), detector: vec![0.1, -3.0], engine: &[1, 2] };
        let bytes = point().encode().unwrap();
        assert_eq!(Point::decode(&bytes).unwrap(), point());
        for length in 0..bytes.len() {
            assert_eq!(Point::decode(&bytes[..length]).unwrap_err().code, ErrorCode::CONTRACT);
        }
        assert!(Point::decode(&[&bytes[..], &[0]].concat()).is_err());
        let odd = Point { state: State { detected: 1_000, ..state.clone() }, ..point() }.encode().unwrap();
        assert!(Point::decode(&odd).is_err());
    }

    proptest! {
        #[test]
        fn takes_any_bytes_without_panic(bytes in any::<Vec<u8>>()) {
            let _ = Point::decode(&[&MARK[..], &bytes].concat());
        }
    }
}
