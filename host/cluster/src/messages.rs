//! The messages between a front and an engine host, after the handshake.
//!
//! A message is a length (`u32`, little-endian) followed by that many bytes of postcard. A connection is for one purpose,
//! which its first request names: a stream's processor, or the state of the engine host. Each request but
//! [`Request::Watch`] has one answer that ends it; [`Answer::Event`]s may come before that. Neither side trusts the other:
//! a message that is too long or cannot be decoded ends the connection.
//!
//! Versions: new variants and new fields come at the end, and are sent only if the version that both sides share has them.
//! What is JSON may get new fields at any time.

use auricle_core::{Failure, FailureCode};
use auricle_engines::worker::wire::{self, EngineEvent, WireError};
use serde::{Deserialize, Serialize};
use serde_bytes::Bytes;
use serde_json::{Map, Value};

/// The version of these messages.
pub const VERSION: Version = Version { major: 1, minor: 0 };

/// The largest size of a message, in bytes: a minute of audio at 16 kHz, or a restart point, fits several times.
pub const MOST_BYTES: usize = 16 << 20;

/// A version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Other major versions cannot be understood.
    pub major: u16,
    /// Grows with each addition.
    pub minor: u16,
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl Version {
    /// The version that both sides speak: the lower one, if they are at most one minor version apart.
    pub fn shared_with(self, other: Self) -> Option<Self> {
        let near = self.major == other.major && self.minor.abs_diff(other.minor) <= 1;
        near.then(|| Self { major: self.major, minor: self.minor.min(other.minor) })
    }
}

/// A front's request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Request<'a> {
    /// Tell the state of the engine host now and again and again: [`Answer::Status`].
    Watch,
    /// Load the model of a preset: [`Answer::Loaded`].
    Load {
        /// The preset.
        preset: &'a str,
        /// Its [`ToldPreset::identity`].
        identity: &'a str,
    },
    /// Take the places of a stream.
    Open {
        /// The stream's id, for the log.
        stream: &'a str,
        /// The preset.
        preset: &'a str,
        /// Its [`ToldPreset::identity`].
        identity: &'a str,
        /// The client's options, a JSON object.
        options: &'a str,
        /// Whether the client sets the pace; otherwise it is a file.
        is_live: bool,
        /// Whether the stream runs already, on an engine host that died: it is not refused because of the load.
        continues: bool,
    },
    /// See [`AsrProcessor::init`](auricle_plugin_api::AsrProcessor::init).
    Init {
        /// The first sample.
        offset: u64,
    },
    /// See [`AsrProcessor::restore`](auricle_plugin_api::AsrProcessor::restore).
    Restore {
        /// The first sample.
        sample: u64,
        /// The state of the restart point.
        #[serde(with = "serde_bytes")]
        state: &'a [u8],
    },
    /// Insert audio, then process it.
    Process {
        /// Samples, see [`to_bytes`]; may be empty.
        #[serde(borrow)]
        audio: &'a Bytes,
        /// What follows.
        then: Then,
    },
}

/// What follows after the audio of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Then {
    /// More audio.
    More,
    /// All text is reported, and the engine is started anew behind the audio.
    Flush,
    /// All text is reported, and the stream ends.
    End,
    /// The client ends the turn. The audio is empty: what does not fill a chunk comes after it.
    EndTurn,
}

/// An engine host's answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Answer<'a> {
    /// A [`HostStatus`], JSON.
    Status(&'a str),
    /// The metadata of the model, JSON.
    Loaded(&'a str),
    /// An event of the engine, before the end of a [`Request::Process`].
    Event(#[serde(borrow)] EngineEvent<'a>),
    /// The request is done.
    Done,
    /// The request is refused, or the stream has failed. The connection ends.
    Failed {
        /// The name of a [`FailureCode`].
        code: &'a str,
        /// See [`Failure::message`].
        message: &'a str,
        /// See [`Failure::detail`].
        #[serde(borrow)]
        detail: Option<&'a str>,
    },
    /// The engine host has lost audio of the stream, which another processor may still get. The connection ends.
    Lost,
}

/// How full an engine host is, and what it serves.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HostStatus {
    /// The version of the program.
    pub version: String,
    /// Whether it stops: it accepts no new streams.
    pub stopping: bool,
    /// Open streams.
    pub streams: usize,
    /// Its presets.
    pub presets: Vec<ToldPreset>,
}

/// A preset of an engine host.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ToldPreset {
    /// Its name.
    pub name: String,
    /// Its title for people.
    pub title: String,
    /// The engine's backend name.
    pub backend: String,
    /// Of engine and configuration. Where it is equal, a processor continues what another one began.
    pub identity: String,
    /// The engine's stream fields, as JSON Schemas.
    pub schema: Map<String, Value>,
    /// The stream fields that clients may set.
    pub open: Vec<String>,
    /// The preset's own values of stream fields, but for secrets and paths.
    pub fields: Map<String, Value>,
    /// Whether streams can be opened.
    pub usable: bool,
    /// Why not, for people.
    pub reason: Option<String>,
    /// Open streams of its model.
    pub streams: usize,
    /// The share of the time that the model's threads are busy; `None` while it is unknown.
    pub load: Option<f64>,
    /// How many more live streams would be accepted.
    pub room: usize,
}

/// Samples as bytes, little-endian.
pub fn to_bytes(samples: &[f32], out: &mut Vec<u8>) {
    out.clear();
    out.reserve_exact(4 * samples.len());
    out.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
}

/// Samples from bytes. A remainder of less than four bytes is ignored.
pub fn to_samples(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

impl<'a> Answer<'a> {
    /// The answer that tells a failure. `code` is the name of its code.
    pub fn failed(failure: &'a Failure, code: &'a str) -> Self {
        Self::Failed { code, message: &failure.message, detail: failure.detail.as_deref() }
    }
}

/// A failure that was told. A code that this version does not know becomes `engine_unavailable`.
pub fn failure(code: &str, message: &str, detail: Option<&str>) -> Failure {
    let code = serde_json::from_value(Value::from(code)).unwrap_or(FailureCode::EngineUnavailable);
    let failure = Failure::new(code, message);
    match detail {
        Some(detail) => failure.explained_as(detail),
        None => failure,
    }
}

/// Appends a message to `out`.
///
/// # Errors
/// It is longer than [`MOST_BYTES`]; `out` is unchanged then.
pub fn encode(message: &impl Serialize, out: &mut Vec<u8>) -> Result<(), WireError> {
    let begin = out.len();
    wire::encode(message, out)?;
    let length = out.len() - begin - 4;
    if length > MOST_BYTES {
        out.truncate(begin);
        return Err(WireError::TooLong { length });
    }
    Ok(())
}

/// Decodes a message, given without its length.
///
/// # Errors
/// The bytes are not a message of this type.
pub fn decode<'a, M: Deserialize<'a>>(bytes: &'a [u8]) -> Result<M, WireError> {
    wire::decode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn neighbouring_versions_share_the_lower_one() {
        let version = |major, minor| Version { major, minor };
        for (ours, theirs, shared) in [
            ((1, 0), (1, 0), Some((1, 0))),
            ((1, 0), (1, 1), Some((1, 0))),
            ((1, 4), (1, 3), Some((1, 3))),
            ((1, 0), (1, 2), None),
            ((1, 0), (2, 0), None),
        ] {
            let shared = shared.map(|(major, minor)| version(major, minor));
            assert_eq!(version(ours.0, ours.1).shared_with(version(theirs.0, theirs.1)), shared, "{ours:?} {theirs:?}");
        }
    }

    #[test]
    fn a_failure_keeps_its_code_and_an_unknown_code_means_unavailable() {
        let told = Failure::new(FailureCode::InvalidOption, "field `lan`").with_detail("x");
        let code = told.code.name();
        let Answer::Failed { code, message, detail } = Answer::failed(&told, &code) else { panic!("another answer") };
        assert_eq!(failure(code, message, detail), told);
        assert_eq!(failure("of_tomorrow", "m", None).code, FailureCode::EngineUnavailable);
    }

    #[test]
    fn a_status_of_tomorrow_is_read() {
        let status: HostStatus =
            serde_json::from_str(r#"{"version": "9", "zone": "b", "presets": [{"name": "a"}]}"#).unwrap();
        assert_eq!((status.version.as_str(), status.presets[0].name.as_str(), status.presets[0].room), ("9", "a", 0));
    }

    proptest! {
        #[test]
        fn audio_comes_back_to_the_bit(samples in proptest::collection::vec(any::<f32>(), 0..50)) {
            let (mut audio, mut bytes) = (Vec::new(), Vec::new());
            to_bytes(&samples, &mut audio);
            encode(&Request::Process { audio: Bytes::new(&audio), then: Then::Flush }, &mut bytes).unwrap();
            let Request::Process { audio, then } = decode(&bytes[4..]).unwrap() else { panic!("another request") };
            prop_assert_eq!(then, Then::Flush);
            let received: Vec<u32> = to_samples(audio).into_iter().map(f32::to_bits).collect();
            prop_assert_eq!(received, samples.into_iter().map(f32::to_bits).collect::<Vec<_>>());
        }

        #[test]
        fn any_bytes_are_a_message_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode::<Request<'_>>(&bytes);
            let _ = decode::<Answer<'_>>(&bytes);
        }
    }
}
