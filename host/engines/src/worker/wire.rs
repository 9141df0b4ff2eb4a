//! The messages between host and worker.
//!
//! A message is a length (`u32`, little-endian) followed by that many bytes of postcard. Both ends are the same
//! program, started from the same file; [`VERSION`] is checked nevertheless. Text of the engine is sent as bytes, its
//! JSON as text. The host does not trust a worker: a message that cannot be decoded is an error.

use super::sandbox::Allowed;
use crate::voice_gate::VoiceGate;
use auricle_plugin_api::{Error, ErrorCode, Segment, Turn, Word, host::EventSink};
use serde::{Deserialize, Serialize};
use serde_bytes::Bytes;
use serde_json::{Map, Value};
use std::path::PathBuf;

/// The version of the messages below.
pub const VERSION: u32 = 5;

/// The largest size of a message in bytes. Far above the longest text and the largest restart point of a stream.
pub const MOST_BYTES: usize = 64 << 20;

/// Why a message cannot be encoded or decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The message is longer than [`MOST_BYTES`].
    #[error("a message of {length} bytes; the limit is {MOST_BYTES}")]
    TooLong {
        /// Its size in bytes.
        length: usize,
    },
    /// The announced length is above [`MOST_BYTES`].
    #[error("a message of {length} bytes is announced; the limit is {MOST_BYTES}")]
    TooLongAnnounced {
        /// Its size in bytes.
        length: usize,
    },
    /// Bytes are left over after the message.
    #[error("a message with {0} surplus bytes")]
    Surplus(usize),
    /// The bytes are not a message of the expected type.
    #[error("a message that cannot be decoded: {0}")]
    Unreadable(postcard::Error),
    /// The message cannot be encoded.
    #[error("{0}")]
    Unwritable(postcard::Error),
}

/// The first message on the control socket, from the host. The sockets of the lanes are sent before it. After it the
/// host sends only changes of [`log_level`](Self::log_level), as `u8`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Setup {
    /// [`VERSION`].
    pub version: u32,
    /// The private copy of the plugin's file or folder.
    pub plugin: PathBuf,
    /// Where engines look for models and runtimes.
    pub resource_dirs: Vec<PathBuf>,
    /// The engine's backend name.
    pub backend: String,
    /// The model's fields, a JSON object.
    pub fields: String,
    /// The stages behind the model.
    pub stages: Vec<StageSetup>,
    /// The most detailed level that the host logs, as [`LogLevel::number`](auricle_plugin_api::host::LogLevel::number).
    pub log_level: u8,
    /// What the sandbox allows, if the worker must enter it before plugin code runs.
    pub sandbox: Option<Allowed>,
    /// The voice gate in front of the engine.
    pub voice_gate: Option<VoiceGate>,
}

/// A stage in a [`Setup`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageSetup {
    /// The private copy of its plugin's file or folder.
    pub plugin: PathBuf,
    /// The stage's name.
    pub name: String,
    /// Its load fields, a JSON object.
    pub fields: String,
}

/// A worker's message on the control socket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Notice {
    /// A line for the log.
    Log {
        /// The level, as in [`Setup::log_level`].
        level: u8,
        /// The module of the engine.
        from: String,
        /// The stream for which the engine was called.
        stream: Option<String>,
        /// The line.
        message: String,
    },
    /// The model is loaded; its metadata, JSON.
    Loaded(String),
    /// The model cannot be loaded.
    NotLoaded(Problem),
    /// A fatal signal arrived, and the worker is about to end. Sent again when the backtrace is known.
    Crashed {
        /// The signal, and the call that was running.
        what: String,
        /// The backtrace, innermost frame first; may be empty.
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

/// The part of one processor in a batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Share<'a> {
    /// Which.
    pub processor: u64,
    /// Samples, see [`to_bytes`]; nothing is inserted where there are none.
    #[serde(borrow)]
    pub audio: &'a Bytes,
    /// Whether the processor is finished after this audio.
    pub ends: bool,
}

/// A request of the host on a lane.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Request<'a> {
    /// Create a processor.
    Open {
        /// The number of the new processor.
        processor: u64,
        /// The stream's id, for the log.
        stream: &'a str,
        /// The complete configuration, a JSON object.
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
        /// The state of the restart point.
        #[serde(with = "serde_bytes")]
        state: &'a [u8],
    },
    /// Insert audio, then process it, or finish.
    Process {
        /// Which.
        processor: u64,
        /// Samples, see [`to_bytes`]; nothing is inserted where there are none.
        #[serde(with = "serde_bytes")]
        audio: &'a [u8],
        /// Whether to call `finish` instead of `process_iter`.
        ends: bool,
    },
    /// Insert audio into each processor, then process all of them in one call, or finish those that end.
    ProcessBatch(#[serde(borrow)] Vec<Share<'a>>),
    /// The client ends the turn; of stages, see [`auricle_plugin_api::StageStream::end_turn`].
    EndTurn {
        /// Which.
        processor: u64,
    },
    /// Drop a processor.
    Close {
        /// Which.
        processor: u64,
    },
    /// During a call: its result is no longer needed. This request has no response.
    Cancel,
}

/// The worker's response on a lane: any number of events, then the outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Answer<'a> {
    /// An event for the sink of one processor.
    Event {
        /// The processor's index in the request.
        place: u32,
        /// The event.
        #[serde(borrow)]
        event: EngineEvent<'a>,
    },
    /// The call has ended. One outcome per processor, in the order of the request.
    Over(Vec<Result<(), Problem>>),
}

/// An engine's event, unchecked.
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
    /// See [`EventSink::turn`].
    Turn(Turn),
    /// See [`EventSink::restart_point`].
    RestartPoint(u64, #[serde(with = "serde_bytes")] &'a [u8]),
}

impl EngineEvent<'_> {
    /// Passes the event to a sink.
    pub fn send_to(self, sink: &mut dyn EventSink) {
        match self {
            Self::Partial(text) => sink.partial(text.into()),
            Self::Segment(text) => sink.segment(text.into()),
            Self::SpeechStarted(sample) => sink.speech_started(sample),
            Self::Endpoint(sample) => sink.endpoint(sample),
            Self::Turn(turn) => sink.turn(turn),
            Self::RestartPoint(sample, state) => sink.restart_point(sample, state),
        }
    }
}

/// A [`Segment`] on the wire.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Text {
    piece: Piece,
    language: Option<String>,
    words: Vec<Piece>,
}

/// A [`Word`], or the fields that a segment shares with a word.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Piece {
    start: u64,
    end: u64,
    #[serde(with = "serde_bytes")]
    text: Vec<u8>,
    confidence: Option<f32>,
    /// A JSON object, or empty if it has no fields.
    extra: String,
}

fn pack(extra: &Map<String, Value>) -> String {
    if extra.is_empty() { String::new() } else { Value::from(extra.clone()).to_string() }
}

fn unpack(extra: &str) -> Map<String, Value> {
    // Anything that is not an object does not come from `pack`, and is dropped.
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

/// Samples as bytes, in the machine's byte order, because both ends are on one machine.
pub fn to_bytes(samples: &[f32]) -> &[u8] {
    bytemuck::cast_slice(samples)
}

/// Samples from bytes. A remainder of less than four bytes is ignored.
pub fn to_samples(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|bytes| f32::from_ne_bytes(*bytes)).collect()
}

/// Appends a message to `out`.
///
/// # Errors
/// The message is longer than [`MOST_BYTES`]; `out` is unchanged then.
pub fn encode(message: &impl Serialize, out: &mut Vec<u8>) -> Result<(), WireError> {
    let begin = out.len();
    out.extend_from_slice(&[0; 4]);
    let outcome = postcard::to_extend(message, std::mem::take(out)).map_err(WireError::Unwritable);
    // Encoding into a vector does not fail. If it did, the vector and its content would be lost.
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

/// The length of the message at the start of `bytes`; `None` until its first four bytes are there.
///
/// # Errors
/// The length is above [`MOST_BYTES`].
pub fn length(bytes: &[u8]) -> Result<Option<usize>, WireError> {
    let Some(head) = bytes.first_chunk() else { return Ok(None) };
    let length = u32::from_le_bytes(*head) as usize;
    if length > MOST_BYTES {
        return Err(WireError::TooLongAnnounced { length });
    }
    Ok(Some(length))
}

/// Decodes a message, given without its length.
///
/// # Errors
/// The bytes are not a message of this type, or bytes are left over.
pub fn decode<'a, M: Deserialize<'a>>(bytes: &'a [u8]) -> Result<M, WireError> {
    match postcard::take_from_bytes(bytes) {
        Ok((message, [])) => Ok(message),
        Ok((_, rest)) => Err(WireError::Surplus(rest.len())),
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
            let received: Vec<u32> = to_samples(audio).into_iter().map(f32::to_bits).collect();
            prop_assert_eq!(received, samples.into_iter().map(f32::to_bits).collect::<Vec<_>>());
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
