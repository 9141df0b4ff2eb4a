//! The bytes of a restart point: all that the events after it depend on.
//!
//! Invariant: what was encoded comes back the same; anything else is refused, never half taken. The bytes stay on the
//! machine and with the version of the engine they came from.

use crate::search::Search;
use auricle_plugin_api::{Error, ErrorCode};
use serde::{Deserialize, Serialize};

/// Mark and version of the layout.
const MARK: &[u8; 8] = b"onnx-r03";
/// What a server takes.
const MOST_BYTES: usize = 1 << 20;
/// Kept for the search: some thousand tokens since the last endpoint.
const SEARCH_BYTES: usize = 64 << 10;
/// From a point of which nothing needs to be known: a stream goes on as one that begins there.
pub(crate) const ANEW: &[u8] = b"onnx-new";
/// A point is told for each so many bytes of caches a second later: copying them is to cost little beside computing them.
const BYTES_A_SECOND: f64 = 65_536.0;
/// Audio between two points, in seconds: what is heard again after a crash, at most.
const SECONDS: (f64, f64) = (1.0, 10.0);

/// When points are told whose state carries caches of so many bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Points {
    /// At any step, so many seconds apart: a stream goes on exactly.
    Every(f64),
    /// The caches are too many: at the end of an utterance, where a stream can begin anew.
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
}

/// The state as bytes, with what `caches` adds: so many bytes, copied once. `None` where a server would not take it.
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

/// The state, and the bytes of the caches.
pub(crate) fn decode(bytes: &[u8]) -> Result<(State, &[u8]), Error> {
    let refused = || Error::new(ErrorCode::CONTRACT, "the restart state is not of this version of the engine");
    postcard::take_from_bytes(bytes.strip_prefix(MARK).ok_or_else(refused)?).map_err(|_| refused())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::ctc::Greedy;
    use proptest::prelude::*;

    fn state() -> State {
        let search = Search::Ctc(Greedy::default());
        State { offset: 1 << 40, next: 300, search, start: 2, told: true }
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
        // 20 million parameters of NeMo's.
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
