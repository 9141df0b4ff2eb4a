//! What host and worker say to each other.
//!
//! A message is a length (`u32`, little-endian) and so many bytes of postcard. Both ends are the same program, started
//! from the same file; [`VERSION`] is checked all the same. Text of the engine travels as bytes, its JSON as text. The host takes nothing on trust that comes from a worker: what cannot be read is an error.

use auricle_plugin_api::{Error, ErrorCode, Segment, Word, host::EventSink};
use serde::{Deserialize, Serialize};
use serde_bytes::Bytes;
use serde_json::{Map, Value};
use std::path::PathBuf;

/// Of the messages below.
pub const VERSION: u32 = 3;

/// The most bytes of one message. Far above the longest text and the largest restart point that a stream may have.
pub const MOST_BYTES: usize = 64 << 20;

/// Why a message cannot be written or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// It is longer than [`MOST_BYTES`].
    #[error("a message of {length} bytes; the limit is {MOST_BYTES}")]
    TooLong {
        /// Bytes.
        length: usize,
    },
    /// What comes says that it is longer than [`MOST_BYTES`].
    #[error("a message of {length} bytes is announced; the limit is {MOST_BYTES}")]
    TooLongAnnounced {
        /// Bytes.
        length: usize,
    },
    /// So many bytes are left over behind it.
    #[error("a message with {0} bytes to spare")]
    ToSpare(usize),
    /// The bytes are no such message.
    #[error("a message that cannot be read: {0}")]
    Unreadable(postcard::Error),
    /// The message has a form that cannot be written.
    #[error("{0}")]
    Unwritable(postcard::Error),
}

/// The first message on the control socket, from the host; the lanes' sockets have come before. Behind it the host says
/// nothing but [`log_level`](Self::log_level), as a `u8`, where that changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Setup {
    /// [`VERSION`].
    pub version: u32,
    /// The private copy of the plugin's file or folder.
    pub plugin: PathBuf,
    /// Where engines look for models and runtimes.
    pub resource_dirs: Vec<PathBuf>,
    /// The engine.
    pub backend: String,
    /// The model's fields, a JSON object.
    pub fields: String,
    /// The most detailed level worth sending; numbers as [`LogLevel::number`](auricle_plugin_api::host::LogLevel::number) has
    /// them.
    pub log_level: u8,
    /// The files and folders that it needs, if it is to give up all else before any code of the plugin runs.
    pub sandbox: Option<Vec<PathBuf>>,
}

/// What a worker says on the control socket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Notice {
    /// A line for the log.
    Log {
        /// Numbers as in [`Setup`].
        level: u8,
        /// Where in the engine.
        from: String,
        /// The stream it was working on.
        stream: Option<String>,
        /// The line.
        message: String,
    },
    /// The model is loaded; its metadata, JSON.
    Loaded(String),
    /// The model cannot be loaded.
    NotLoaded(Problem),
    /// A fatal signal came; the worker is about to end by it. Said again when more is known.
    Crashed {
        /// The signal, and what was being called.
        what: String,
        /// Where, innermost first.
        frames: Vec<String>,
    },
}

/// An engine's error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    code: u32,
    message: String,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self { code: error.code.0, message: error.message }
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::new(ErrorCode(problem.code), problem.message)
    }
}

/// One processor's share of a call for several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Share<'a> {
    /// Which.
    pub processor: u64,
    /// Samples, see [`to_bytes`]; nothing is inserted where there are none.
    #[serde(borrow)]
    pub audio: &'a Bytes,
    /// Whether it is finished with them.
    pub ends: bool,
}

/// What the host asks on a lane.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Request<'a> {
    /// Make a processor.
    Open {
        /// Its number from now on.
        processor: u64,
        /// The stream's id, for the log.
        stream: &'a str,
        /// The whole configuration, a JSON object.
        options: &'a str,
    },
    /// [`AsrProcessor::init`](auricle_plugin_api::AsrProcessor::init).
    Init {
        /// Which.
        processor: u64,
        /// The first sample.
        offset: u64,
    },
    /// [`AsrProcessor::restore`](auricle_plugin_api::AsrProcessor::restore).
    Restore {
        /// Which.
        processor: u64,
        /// The first sample.
        sample: u64,
        /// Of the restart point.
        #[serde(with = "serde_bytes")]
        state: &'a [u8],
    },
    /// Insert audio, then work on it, or finish.
    Process {
        /// Which.
        processor: u64,
        /// Samples, see [`to_bytes`]; nothing is inserted where there are none.
        #[serde(with = "serde_bytes")]
        audio: &'a [u8],
        /// `finish` instead of `process_iter`.
        ends: bool,
    },
    /// Insert audio into each processor, then work on all of them together, or finish those that end.
    ProcessBatch(#[serde(borrow)] Vec<Share<'a>>),
    /// Drop a processor.
    Close {
        /// Which.
        processor: u64,
    },
    /// During a call: nobody waits for it any more. Not answered.
    Cancel,
}

/// What the worker answers: any number of events, then the outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Answer<'a> {
    /// To the sink.
    Event {
        /// Of which processor, in the order asked.
        place: u32,
        /// What.
        #[serde(borrow)]
        event: EngineEvent<'a>,
    },
    /// The call is over; one outcome for each processor.
    Over(Vec<Result<(), Problem>>),
}

/// An event of an engine, unchecked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum EngineEvent<'a> {
    /// See [`EventSink::partial`].
    Partial(Text),
    /// See [`EventSink::segment`].
    Segment(Text),
    /// See [`EventSink::speech_started`].
    SpeechStarted(u64),
    /// See [`EventSink::endpoint`].
    Endpoint(u64),
    /// See [`EventSink::restart_point`].
    RestartPoint(u64, #[serde(with = "serde_bytes")] &'a [u8]),
}

impl EngineEvent<'_> {
    /// Tells a sink.
    pub fn tell(self, sink: &mut dyn EventSink) {
        match self {
            Self::Partial(text) => sink.partial(text.into()),
            Self::Segment(text) => sink.segment(text.into()),
            Self::SpeechStarted(sample) => sink.speech_started(sample),
            Self::Endpoint(sample) => sink.endpoint(sample),
            Self::RestartPoint(sample, state) => sink.restart_point(sample, state),
        }
    }
}

/// A [`Segment`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Text {
    piece: Piece,
    language: Option<String>,
    words: Vec<Piece>,
}

/// A [`Word`], or what a segment has in common with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Piece {
    start: u64,
    end: u64,
    #[serde(with = "serde_bytes")]
    text: Vec<u8>,
    confidence: Option<f32>,
    /// A JSON object; empty where there is nothing.
    extra: String,
}

fn pack(extra: &Map<String, Value>) -> String {
    if extra.is_empty() { String::new() } else { Value::from(extra.clone()).to_string() }
}

fn unpack(extra: &str) -> Map<String, Value> {
    // What is no object was not written by `pack`: nobody misses it.
    serde_json::from_str(extra).unwrap_or_default()
}

impl From<Segment> for Text {
    fn from(segment: Segment) -> Self {
        let word = |word: &Word| Piece {
            start: word.start,
            end: word.end,
            text: word.text_bytes().to_vec(),
            confidence: word.confidence,
            extra: pack(&word.extra),
        };
        Self {
            words: segment.words.iter().map(word).collect(),
            piece: Piece {
                start: segment.start,
                end: segment.end,
                text: segment.text_bytes().to_vec(),
                confidence: segment.confidence,
                extra: pack(&segment.extra),
            },
            language: segment.language,
        }
    }
}

impl From<Text> for Segment {
    fn from(Text { piece, language, words }: Text) -> Self {
        let mut segment = Self::new(piece.start, piece.end, piece.text);
        (segment.confidence, segment.language, segment.extra) = (piece.confidence, language, unpack(&piece.extra));
        segment.words = words
            .into_iter()
            .map(|piece| {
                let mut word = Word::new(piece.start, piece.end, piece.text);
                (word.confidence, word.extra) = (piece.confidence, unpack(&piece.extra));
                word
            })
            .collect();
        segment
    }
}

/// Samples as they travel: as they lie in memory, for both ends are on one machine.
pub fn to_bytes(samples: &[f32]) -> &[u8] {
    bytemuck::cast_slice(samples)
}

/// Samples as they came; a rest of less than four bytes is none.
pub fn to_samples(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|bytes| f32::from_ne_bytes(*bytes)).collect()
}

/// Adds a message to `out`.
///
/// # Errors
/// Where it is longer than [`MOST_BYTES`], by how much it is; `out` is as it was.
pub fn encode(message: &impl Serialize, out: &mut Vec<u8>) -> Result<(), WireError> {
    let begin = out.len();
    out.extend_from_slice(&[0; 4]);
    let outcome = postcard::to_extend(message, std::mem::take(out)).map_err(WireError::Unwritable);
    // Into a vector it cannot fail; if it did, the vector is gone with all that it held.
    *out = outcome?;
    let length = out.len() - begin - 4;
    match u32::try_from(length).ok().filter(|_| length <= MOST_BYTES) {
        Some(count) => {
            out[begin..begin + 4].copy_from_slice(&count.to_le_bytes());
            Ok(())
        }
        None => {
            out.truncate(begin);
            Err(WireError::TooLong { length })
        }
    }
}

/// The length of the message that `bytes` begin with, once its first four bytes are there.
///
/// # Errors
/// Where it is longer than a message may be.
pub fn length(bytes: &[u8]) -> Result<Option<usize>, WireError> {
    let Some(head) = bytes.first_chunk() else { return Ok(None) };
    let length = u32::from_le_bytes(*head) as usize;
    if length > MOST_BYTES {
        return Err(WireError::TooLongAnnounced { length });
    }
    Ok(Some(length))
}

/// Reads a message without its length.
///
/// # Errors
/// Where it is none, or has bytes to spare.
pub fn decode<'a, M: Deserialize<'a>>(bytes: &'a [u8]) -> Result<M, WireError> {
    match postcard::take_from_bytes(bytes) {
        Ok((message, [])) => Ok(message),
        Ok((_, rest)) => Err(WireError::ToSpare(rest.len())),
        Err(error) => Err(WireError::Unreadable(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use auricle_plugin_api::host::LogLevel;
    use proptest::prelude::*;
    use serde_json::json;

    fn segment() -> Segment {
        let word = Word::new(1, 2, "a").confidence(0.5).extra("n", 3);
        Segment::new(1, 9, b"\xffraw".to_vec()).language("en").words(vec![word]).extra("list", json!([1, null]))
    }

    #[test]
    fn a_segment_comes_back_as_it_was() {
        let mut bytes = Vec::new();
        encode(&EngineEvent::Segment(segment().into()), &mut bytes).unwrap();
        assert_eq!(length(&bytes).unwrap(), Some(bytes.len() - 4));
        let EngineEvent::Segment(text) = decode(&bytes[4..]).unwrap() else { panic!("another event") };
        assert_eq!(Segment::from(text), segment());
    }

    #[test]
    fn every_level_of_the_log_comes_back_as_it_was() {
        for level in [LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Debug, LogLevel::Trace] {
            let (from, message) = ("engine".to_owned(), "a line".to_owned());
            let mut bytes = Vec::new();
            encode(&Notice::Log { level: level.number(), from, stream: None, message }, &mut bytes).unwrap();
            let Notice::Log { level: number, .. } = decode(&bytes[4..]).unwrap() else { panic!("another notice") };
            assert_eq!(LogLevel::from_number(number.into()), level);
        }
    }

    #[test]
    fn a_message_too_long_is_refused_at_both_ends() {
        let mut out = vec![7];
        assert!(encode(&vec![0u8; MOST_BYTES], &mut out).is_err());
        assert_eq!(out, [7]);
        assert!(length(&u32::MAX.to_le_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn audio_comes_back_to_the_bit(samples in proptest::collection::vec(any::<f32>(), 0..50), processor in any::<u64>()) {
            let audio = to_bytes(&samples);
            let request = Request::Process { processor, audio, ends: true };
            let mut bytes = Vec::new();
            encode(&request, &mut bytes).unwrap();
            prop_assert_eq!(decode::<Request<'_>>(&bytes[4..]).unwrap(), request);
            let heard: Vec<u32> = to_samples(audio).into_iter().map(f32::to_bits).collect();
            prop_assert_eq!(heard, samples.into_iter().map(f32::to_bits).collect::<Vec<_>>());
        }

        #[test]
        fn any_bytes_are_a_message_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode::<Request<'_>>(&bytes);
            let _ = decode::<Answer<'_>>(&bytes);
            let _ = decode::<Notice>(&bytes);
            let _ = decode::<Setup>(&bytes);
        }
    }
}
