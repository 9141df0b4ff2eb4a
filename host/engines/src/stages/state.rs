//! The state of a whole chain at a restart point, as bytes: the engine's, each stage's, and how far the stages have heard. Threads: any.

use super::numbers::Numbers;
use auricle_plugin_api::{Error, ErrorCode};
use serde::{Deserialize, Serialize};
use serde_bytes::Bytes;

/// The state of a chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ChainState<'a> {
    /// The stages have heard the audio before this sample, which may be after the point.
    pub(super) heard: u64,
    pub(super) numbers: Numbers,
    #[serde(borrow)]
    pub(super) engine: &'a Bytes,
    #[serde(borrow)]
    pub(super) stages: Vec<&'a Bytes>,
}

impl<'a> ChainState<'a> {
    pub(super) fn encode(&self) -> Result<Vec<u8>, Error> {
        let unwritable = |problem| Error::other(format!("the state of the stages cannot be written: {problem}"));
        postcard::to_stdvec(self).map_err(unwritable)
    }

    /// Reads the state of a chain of so many stages.
    ///
    /// # Errors
    /// It is another chain's, or damaged.
    pub(super) fn decode(bytes: &'a [u8], stages: usize) -> Result<Self, Error> {
        let foreign = || Error::new(ErrorCode::CONTRACT, "the state is not one of an engine with these stages");
        match postcard::take_from_bytes::<Self>(bytes) {
            Ok((state, [])) if state.stages.len() == stages => Ok(state),
            _ => Err(foreign()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_comes_back_as_it_was(
            (heard, engine) in any::<(u64, Vec<u8>)>(),
            stages in proptest::collection::vec(any::<Vec<u8>>(), 0..4),
        ) {
            let lent: Vec<_> = stages.iter().map(|state| Bytes::new(state)).collect();
            let state = ChainState { heard, numbers: Numbers::default(), engine: Bytes::new(&engine), stages: lent };
            let bytes = state.encode().unwrap();
            prop_assert_eq!(&ChainState::decode(&bytes, stages.len()).unwrap(), &state);
            prop_assert!(ChainState::decode(&bytes, stages.len() + 1).is_err());
        }

        #[test]
        fn any_bytes_are_a_state_or_an_error(bytes in any::<Vec<u8>>()) {
            let _ = ChainState::decode(&bytes, 1);
        }
    }
}
