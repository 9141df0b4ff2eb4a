//! The bytes of a restart point: the final state, so that a new processor repeats nothing.
//!
//! Invariants: encoded data are decoded unchanged, anything else is refused; the size never exceeds the server's limit.
//! Audio without final text is processed again, in other pieces than before, so its text may differ. Threads: any.

use super::{MOST_SECONDS, agreement::Agreement, transcript::SAMPLE_RATE};
use auricle_plugin_api::{Error, ErrorCode};
use serde::{Deserialize, Serialize};

/// Identifies the layout and its version.
const MARK: &[u8; 8] = b"online-3";
/// The server's size limit.
const MOST_BYTES: usize = 1 << 20;

/// The state of a stream after its events so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) agreement: Agreement,
    /// End of the last segment.
    pub(crate) reported: u64,
    /// Whether there is speech, if that is detected.
    pub(crate) voice: Option<bool>,
}

impl State {
    pub(crate) fn encode(mut self) -> Result<Vec<u8>, Error> {
        let bytes = postcard::to_extend(&self, MARK.to_vec())?;
        if bytes.len() <= MOST_BYTES {
            return Ok(bytes);
        }
        // The words are extremely long: those in segments are not repeated as long as their end is known.
        self.agreement.forget_reported();
        Ok(postcard::to_extend(&self, MARK.to_vec())?)
    }

    /// Decodes the state of a restart point at `sample`. `gated` is whether the processor detects speech.
    pub(crate) fn decode(bytes: &[u8], sample: u64, gated: bool) -> Result<Self, Error> {
        let refused = || Error::new(ErrorCode::CONTRACT, "the restart state is not of this engine or of another place");
        let bytes = bytes.strip_prefix(MARK).ok_or_else(refused)?;
        let (state, rest): (Self, _) = postcard::take_from_bytes(bytes).map_err(|_| refused())?;
        // Final text lies before the sample, or in a buffer that begins there.
        let near =
            state.agreement.last.max(state.reported) <= sample.saturating_add(u64::from(MOST_SECONDS * SAMPLE_RATE));
        let sound = rest.is_empty() && near && state.agreement.is_sound() && state.voice.is_some() == gated;
        sound.then_some(state).ok_or_else(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::online::{seam::by_text, transcript::Word};
    use proptest::prelude::*;

    fn state(text: &str) -> State {
        let word = |end| Word { start: 0, end, text: text.into(), probability: Some(0.5) };
        let mut agreement = Agreement::new(0);
        for _ in 0..2 {
            agreement.process(vec![word(100), word(200)], by_text);
        }
        State { agreement, reported: 150, voice: None }
    }

    #[test]
    fn comes_back_whole_or_not_at_all() {
        let bytes = state("so").encode().unwrap();
        assert_eq!(State::decode(&bytes, 0, false).unwrap(), state("so"));
        for length in 0..bytes.len() {
            assert_eq!(State::decode(&bytes[..length], 0, false).unwrap_err().code, ErrorCode::CONTRACT);
        }
        assert!(State::decode(&[&bytes[..], &[0]].concat(), 0, false).is_err());
        assert!(State::decode(&bytes, 0, true).is_err());
        let far = State { reported: 480_001, ..state("so") }.encode().unwrap();
        assert!(State::decode(&far, 0, false).is_err());
        State::decode(&far, 1, false).unwrap();
    }

    #[test]
    fn absurd_words_are_left_out() {
        let mut absurd = state(&"so".repeat(1 << 20));
        absurd.agreement.reported(2);
        let bytes = absurd.encode().unwrap();
        assert_eq!(State::decode(&bytes, 0, false).unwrap().agreement, Agreement::new(200));
    }

    proptest! {
        #[test]
        fn takes_any_bytes_without_panic(bytes in any::<Vec<u8>>()) {
            let _ = State::decode(&[&MARK[..], &bytes].concat(), 0, false);
        }
    }
}
