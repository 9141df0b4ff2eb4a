//! The bytes of a restart point: all that the events after it depend on.
//!
//! Invariant: what was encoded comes back the same; anything else is refused, never half taken. The bytes stay on the
//! machine and with the version of the engine they came from.

use crate::search::Search;
use auricle_plugin_api::{Error, ErrorCode};
use serde::{Deserialize, Serialize};

/// Mark and version of the layout.
const MARK: &[u8; 8] = b"onnx-r02";
/// What a server takes.
pub(crate) const MOST_BYTES: usize = 1 << 20;

/// A stream between two steps.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Sample of the stream's first frame.
    pub(crate) offset: u64,
    /// First frame of features of the next step.
    pub(crate) next: u64,
    pub(crate) search: Search,
    /// The frame of output the utterance began with.
    pub(crate) start: u64,
    /// Whether the utterance's beginning was told.
    pub(crate) told: bool,
    /// The network's.
    pub(crate) caches: Vec<u8>,
}

pub(crate) fn encode(state: &State) -> Result<Vec<u8>, Error> {
    Ok(postcard::to_extend(state, MARK.to_vec())?)
}

pub(crate) fn decode(bytes: &[u8]) -> Result<State, Error> {
    let refused = || Error::new(ErrorCode::CONTRACT, "the restart state is not of this version of the engine");
    let (state, rest) =
        postcard::take_from_bytes(bytes.strip_prefix(MARK).ok_or_else(refused)?).map_err(|_| refused())?;
    if rest.is_empty() { Ok(state) } else { Err(refused()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::ctc::Greedy;
    use proptest::prelude::*;

    fn state() -> State {
        let search = Search::Ctc(Greedy::default());
        let caches = (0..100).collect();
        State { offset: 1 << 40, next: 300, search, start: 2, told: true, caches }
    }

    #[test]
    fn comes_back_whole_or_not_at_all() {
        let bytes = encode(&state()).unwrap();
        assert_eq!(decode(&bytes).unwrap(), state());
        for length in 0..bytes.len() {
            assert_eq!(decode(&bytes[..length]).unwrap_err().code, ErrorCode::CONTRACT);
        }
        assert!(decode(&[&bytes[..], &[0]].concat()).is_err());
    }

    proptest! {
        #[test]
        fn takes_any_bytes_without_panic(bytes in any::<Vec<u8>>()) {
            let _ = decode(&[&MARK[..], &bytes].concat());
        }
    }
}
