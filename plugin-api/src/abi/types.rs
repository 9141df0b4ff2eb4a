//! Plain data at the boundary. Frozen: adding a field here breaks every plugin; the layout check detects it.

use crate::{Error, ErrorCode, Segment, Word};
use abi_stable::{
    StableAbi,
    std_types::{RResult, RSlice, RVec},
};
use serde_json::{Map, Value};

/// A failed call. The message should be UTF-8; the receiver checks it.
#[repr(C)]
#[derive(StableAbi, Debug, Clone)]
pub struct AbiError {
    /// See [`ErrorCode`].
    pub code: u32,
    /// A message for people, one line.
    pub message: RVec<u8>,
}

/// The result of a call.
pub type AbiResult<T> = RResult<T, AbiError>;

impl From<Error> for AbiError {
    fn from(error: Error) -> Self {
        Self { code: error.code.0, message: error.message.into_bytes().into() }
    }
}

impl From<AbiError> for Error {
    fn from(error: AbiError) -> Self {
        Self { code: ErrorCode(error.code), message: lossy(&error.message) }
    }
}

/// A segment or partial, borrowed for the duration of the call.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct AbiSegment<'a> {
    /// First sample.
    pub start: u64,
    /// One past the last sample.
    pub end: u64,
    /// UTF-8 by contract; the host checks it.
    pub text: RSlice<'a, u8>,
    /// 0 to 1, or NaN for none.
    pub confidence: f32,
    /// A BCP 47 tag, or empty.
    pub language: RSlice<'a, u8>,
    /// The words in order.
    pub words: RSlice<'a, AbiWord<'a>>,
    /// A JSON object, or empty.
    pub extra: RSlice<'a, u8>,
}

/// A word of a segment.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct AbiWord<'a> {
    /// First sample.
    pub start: u64,
    /// One past the last sample.
    pub end: u64,
    /// UTF-8 by contract; the host checks it.
    pub text: RSlice<'a, u8>,
    /// 0 to 1, or NaN for none.
    pub confidence: f32,
    /// A JSON object, or empty.
    pub extra: RSlice<'a, u8>,
}

/// Passes `segment` to `receive` in its borrowed form.
pub(crate) fn lend<R>(segment: &Segment, receive: impl FnOnce(AbiSegment<'_>) -> R) -> R {
    let word_extras: Vec<Vec<u8>> = segment.words.iter().map(|word| encode(&word.extra)).collect();
    let words: Vec<AbiWord<'_>> = segment
        .words
        .iter()
        .zip(&word_extras)
        .map(|(word, extra)| AbiWord {
            start: word.start,
            end: word.end,
            text: word.text.as_slice().into(),
            confidence: word.confidence.unwrap_or(f32::NAN),
            extra: extra.as_slice().into(),
        })
        .collect();
    let extra = encode(&segment.extra);
    receive(AbiSegment {
        start: segment.start,
        end: segment.end,
        text: segment.text.as_slice().into(),
        confidence: segment.confidence.unwrap_or(f32::NAN),
        language: segment.language.as_deref().unwrap_or_default().as_bytes().into(),
        words: words.as_slice().into(),
        extra: extra.as_slice().into(),
    })
}

impl From<AbiSegment<'_>> for Segment {
    fn from(segment: AbiSegment<'_>) -> Self {
        Self {
            start: segment.start,
            end: segment.end,
            text: segment.text.to_vec(),
            confidence: number(segment.confidence),
            language: (!segment.language.is_empty()).then(|| lossy(&segment.language)),
            words: segment.words.iter().map(Word::from).collect(),
            extra: decode(&segment.extra),
        }
    }
}

impl From<&AbiWord<'_>> for Word {
    fn from(word: &AbiWord<'_>) -> Self {
        Self {
            start: word.start,
            end: word.end,
            text: word.text.to_vec(),
            confidence: number(word.confidence),
            extra: decode(&word.extra),
        }
    }
}

fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

fn number(confidence: f32) -> Option<f32> {
    confidence.is_finite().then_some(confidence.clamp(0.0, 1.0))
}

fn encode(extra: &Map<String, Value>) -> Vec<u8> {
    if extra.is_empty() {
        return Vec::new();
    }
    serde_json::to_vec(extra).unwrap_or_default()
}

fn decode(extra: &[u8]) -> Map<String, Value> {
    serde_json::from_slice(extra).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_crosses_whole() {
        let segment = Segment::new(5, 9, "hi there")
            .confidence(0.5)
            .language("en")
            .words(vec![Word::new(5, 7, "hi").extra("k", 1), Word::new(7, 9, "there").confidence(1.0)])
            .extra("speaker", "S1");
        assert_eq!(lend(&segment, |lent| Segment::from(lent)), segment);
    }

    #[test]
    fn nonsense_is_made_harmless() {
        let mut segment = Segment::new(5, 9, vec![b'a', 0xff]).confidence(7.0);
        segment.words = vec![Word::new(0, 0, "x").confidence(f32::INFINITY)];
        let seen = lend(&segment, |mut lent| {
            lent.extra = b"[not an object".as_slice().into();
            Segment::from(lent)
        });
        assert_eq!(seen.text(), "a\u{fffd}");
        assert_eq!((seen.confidence, seen.words[0].confidence), (Some(1.0), None));
        assert!(seen.extra.is_empty());
    }
}
