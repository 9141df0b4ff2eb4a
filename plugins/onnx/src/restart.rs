//! The bytes of a restart point: the state that later events depend on.
//!
//! Invariant: encoded data are decoded unchanged; anything else is refused as a whole. The bytes are only valid on the
//! same machine, with the same version of the engine.

use crate::search::Search;
use auricle_plugin_api::{Error, ErrorCode};
use serde::{Deserialize, Serialize};

/// Identifies the layout and its version.
const MARK: &[u8; 8] = b"onnx-r03";
/// The server's size limit.
const MOST_BYTES: usize = 1 << 20;
/// Reserved for the search: about a thousand tokens since the last endpoint.
const SEARCH_BYTES: usize = 64 << 10;
/// A restart point without state: the stream continues like one that begins there.
pub(crate) const ANEW: &[u8] = b"onnx-new";
/// The distance between points is a second per this many bytes of caches, so that copying them costs little compared
/// with computing them.
const BYTES_A_SECOND: f64 = 65_536.0;
/// Minimum and maximum distance between two points, in seconds. The maximum is the audio that is processed again after
/// a crash.
const SECONDS: (f64, f64) = (1.0, 10.0);

/// When points are reported, depending on the size of the caches in their state.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Points {
    /// At any step, this many seconds apart: a stream continues exactly.
    Every(f64),
    /// The caches are too large: at the end of an utterance, where a stream can start again.
    AtEndpoints,
}

impl Points {
    pub(crate) fn of(cache_bytes: usize) -> Self {
        if cache_bytes > MOST_BYTES - SEARCH_BYTES {
            return Self::AtEndpoints;
        }
        Self::Every((cache_bytes as f64 / BYTES_A_SECOND).clamp(SECONDS.0, SECONDS.1))
    }
}

/// The state of a stream between two steps.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The sample of the stream's first frame.
    pub(crate) offset: u64,
    /// The first feature frame of the next step.
    pub(crate) next: u64,
    pub(crate) search: Search,
    /// The output frame at which the utterance began.
    pub(crate) start: u64,
    /// Whether the start of the utterance was reported.
    pub(crate) reported: bool,
}

/// Encodes the state and the bytes that `caches` appends, which are copied only once. `None` if it exceeds the server's
/// limit.
pub(crate) fn encode(
    state: &State,
    size: usize,
    caches: impl FnOnce(&mut Vec<u8>) -> Result<(), Error>,
) -> Result<Option<Vec<u8>>, Error> {
    let mut bytes = postcard::to_extend(state, MARK.to_vec())?;
    if bytes.len() + size > MOST_BYTES {
        return Ok(None);
    }
    bytes.reserve_exact(size);
    caches(&mut bytes)?;
    Ok(Some(bytes))
}

/// Decodes the state; returns it with the bytes of the caches.
pub(crate) fn decode(bytes: &[u8]) -> Result<(State, &[u8]), Error> {
    let refused = || Error::new(ErrorCode::CONTRACT, "the restart state is not from this version of the engine");
    postcard::take_from_bytes(bytes.strip_prefix(MARK).ok_or_else(refused)?).map_err(|_| refused())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::ctc::Greedy;
    use proptest::prelude::*;

    fn state() -> State {
        let search = Search::Ctc(Greedy::default());
        State { offset: 1 << 40, next: 300, search, start: 2, reported: true }
    }

    #[test]
    fn comes_back_whole_or_not_at_all() {
        let bytes = encode(&state(), 3, |to| {
            to.extend([1, 2, 3]);
            Ok(())
        })
        .unwrap()
        .unwrap();
        assert_eq!(decode(&bytes).unwrap(), (state(), &[1, 2, 3][..]));
        for length in 0..bytes.len() - 3 {
            assert_eq!(decode(&bytes[..length]).unwrap_err().code, ErrorCode::CONTRACT);
        }
    }

    #[test]
    fn what_a_server_would_not_take_is_not_told() {
        let add = |_: &mut Vec<u8>| unreachable!("too many");
        assert_eq!(encode(&state(), MOST_BYTES, add).unwrap(), None);
        assert_eq!(decode(ANEW).unwrap_err().code, ErrorCode::CONTRACT);
    }

    #[test]
    fn large_caches_are_told_more_rarely_and_those_too_large_not_at_all() {
        assert_eq!(Points::of(0), Points::Every(1.0));
        assert_eq!(Points::of(166 << 10), Points::Every(2.59375));
        // The size for a NeMo model of 20 million parameters.
        assert_eq!(Points::of(958_472), Points::Every(10.0));
        assert_eq!(Points::of(1_000_000), Points::AtEndpoints);
    }

    proptest! {
        #[test]
        fn takes_any_bytes_without_panic(bytes in any::<Vec<u8>>()) {
            let _ = decode(&[&MARK[..], &bytes].concat());
        }
    }
}
