//! The file of a stored point: what another server process needs to continue a stream.
//!
//! Three parts: a line with the format and the SHA-256 of the rest, a line of JSON, and the engine's state. A file that is cut off
//! or changed is not read. Nothing in it is a text that was recognised, unless an engine has it in its state.

use auricle_core::{AudioFormat, Pace};
use auricle_stream::{GridStart, StreamPoint};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// The first words of a file.
pub(super) const MAGIC: &[u8] = b"auricle-resume 1 ";
/// Numbers above this are no count of samples or events.
pub(super) const MOST: u64 = 1 << 53;
/// Blocks of audio before the point that a resampler hears again, so that its filter is filled. Each has 10 ms.
const FILTER_BLOCKS: u64 = 2;

/// Why a file is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("it is not a stored point of this version")]
    Foreign,
    #[error("it is damaged: its checksum is wrong")]
    Damaged,
}

/// Hashes of a stream's token and of the one before.
pub(super) type Tokens = [Option<TokenHash>; 2];
pub(super) type TokenHash = [u8; 32];

/// What stays the same over a stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in super::super) struct StoredIdentity {
    pub(in super::super) stream: String,
    /// The name of its key.
    pub(super) key: Option<String>,
    pub(super) preset: String,
    pub(super) options: Map<String, Value>,
    pub(super) audio: AudioFormat,
    pub(super) pace: Pace,
    /// Of the engine's file and the configuration.
    pub(super) fingerprint: String,
    /// The rate of the model.
    pub(super) sample_rate: u32,
}

/// The line of JSON.
#[derive(Serialize, Deserialize)]
struct Header {
    #[serde(flatten)]
    identity: StoredIdentity,
    tokens: Tokens,
    epoch: u32,
    /// Sample, frame and flushes of the engine's last start.
    grid: [u64; 3],
    sample: u64,
    told: u64,
    has_state: bool,
}

/// A stored point.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct PointFile {
    pub(super) identity: StoredIdentity,
    pub(super) tokens: Tokens,
    pub(super) point: StreamPoint,
}

impl StoredIdentity {
    /// The first of the client's frames that is needed to continue at a point.
    pub(super) fn frame(&self, point: &StreamPoint) -> u64 {
        let past = point.sample.saturating_sub(point.grid.sample);
        let rate = self.audio.sample_rate;
        if rate == self.sample_rate {
            return point.grid.frame + past;
        }
        let block = u64::from(rate / 100).max(1);
        let blocks = (seconds_of(past, self.sample_rate) * f64::from(rate)) as u64 / block;
        point.grid.frame + blocks.saturating_sub(FILTER_BLOCKS) * block
    }

    /// Samples at the model's rate from that frame to the point.
    pub(super) fn lead(&self, point: &StreamPoint) -> usize {
        let frames = self.frame(point) - point.grid.frame;
        let heard = (seconds_of(frames, self.audio.sample_rate) * f64::from(self.sample_rate)).round() as u64;
        (point.sample - point.grid.sample).saturating_sub(heard) as usize
    }

    /// The first sample that may be meant by a time that a client was told, which is rounded to milliseconds.
    pub(super) fn sample(&self, time: f64) -> u64 {
        ((time - 0.0005).max(0.0) * f64::from(self.sample_rate)) as u64
    }
}

fn seconds_of(count: u64, rate: u32) -> f64 {
    count as f64 / f64::from(rate)
}

/// The bytes of a file whose lines and state these are: the format and their checksum come first.
pub(super) fn with_sum(rest: &[u8]) -> Vec<u8> {
    [MAGIC, hex::encode(Sha256::digest(rest)).as_bytes(), b"\n", rest].concat()
}

impl PointFile {
    /// The stream's id.
    pub(in super::super) fn stream(&self) -> &str {
        &self.identity.stream
    }

    /// The bytes of the file.
    pub(super) fn encode(&self) -> Vec<u8> {
        let StreamPoint { epoch, grid, sample, state, told } = &self.point;
        let header = Header {
            identity: self.identity.clone(),
            tokens: self.tokens,
            epoch: *epoch,
            grid: [grid.sample, grid.frame, grid.flushes],
            sample: *sample,
            told: *told,
            has_state: state.is_some(),
        };
        // Everything in it can be written as JSON.
        let mut rest = serde_json::to_vec(&header).unwrap_or_default();
        rest.push(b'\n');
        rest.extend_from_slice(state.as_deref().unwrap_or_default());
        with_sum(&rest)
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// It is no such file, or damaged.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(Unreadable::Foreign)?;
        let (sum, rest) = rest.split_at_checked(64).ok_or(Unreadable::Damaged)?;
        let rest = rest.strip_prefix(b"\n").ok_or(Unreadable::Damaged)?;
        if hex::encode(Sha256::digest(rest)).as_bytes() != sum {
            return Err(Unreadable::Damaged);
        }
        let end = rest.iter().position(|byte| *byte == b'\n').ok_or(Unreadable::Foreign)?;
        let header: Header = serde_json::from_slice(&rest[..end]).map_err(|_| Unreadable::Foreign)?;
        let Header { identity, tokens, epoch, grid: [start, frame, flushes], sample, told, has_state } = header;
        let is_count = |number: &u64| *number < MOST;
        let are_counts = [sample, frame, flushes, told].iter().all(is_count);
        if !are_counts || sample < start || identity.audio.check().is_err() || identity.sample_rate == 0 {
            return Err(Unreadable::Foreign);
        }
        let grid = GridStart { sample: start, frame, flushes };
        let state = has_state.then(|| Arc::from(&rest[end + 1..]));
        Ok(Self { identity, tokens, point: StreamPoint { epoch, grid, sample, state, told } })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn file(stream: &str, rate: u32, sample: u64, state: &[u8]) -> PointFile {
        let identity = StoredIdentity {
            stream: stream.into(),
            key: Some("alice".into()),
            preset: "p".into(),
            options: Map::new(),
            audio: AudioFormat { sample_rate: rate, ..AudioFormat::default() },
            pace: Pace::Live,
            fingerprint: "f".into(),
            sample_rate: 16_000,
        };
        let grid = GridStart { sample: 1_600, frame: u64::from(rate / 10), flushes: 1 };
        let point = StreamPoint { epoch: 2, grid, sample, state: Some(Arc::from(state)), told: 7 };
        PointFile { identity, tokens: [Some([3; 32]), None], point }
    }

    #[test]
    fn a_file_comes_back_and_no_changed_byte_is_read() {
        let file = file("s", 16_000, 4_000, b"state\nwith lines\0");
        let bytes = file.encode();
        assert_eq!(PointFile::decode(&bytes).unwrap(), file);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(PointFile::decode(&changed).is_err(), "{at}");
            assert!(PointFile::decode(&bytes[..at]).is_err(), "{at}");
        }
        let none = PointFile { point: StreamPoint { state: None, ..file.point.clone() }, ..file };
        assert_eq!(PointFile::decode(&none.encode()).unwrap().point.state, None);
    }

    #[test]
    fn the_first_frame_lies_before_the_point_by_the_filter_and_on_a_block() {
        let place = |rate, sample| {
            let file = file("s", rate, sample, b"");
            (file.identity.frame(&file.point), file.identity.lead(&file.point))
        };
        assert_eq!(place(16_000, 4_000), (4_000, 0));
        assert_eq!(place(48_000, 4_001), (4_800 + 13 * 480, 2_401 - 13 * 160));
        assert_eq!(place(8_000, 1_700), (800, 100));
    }
}
