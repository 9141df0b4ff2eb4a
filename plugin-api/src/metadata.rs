//! A model's description of itself. It crosses the boundary as JSON, so that it can grow.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The properties of a model: what the server needs to feed it, and what clients are shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Metadata {
    /// Separator between the texts of consecutive segments; by default one space. (Chinese, for example, uses none.)
    pub separator: String,
    /// The model's sample rate in Hz, 1,000 to 384,000. The server resamples to it.
    pub sample_rate: u32,
    /// Number of samples in each call of `insert_audio_chunk`. At most one minute.
    pub chunk_samples: u32,
    /// Number of samples in the first call, at the start of a stream and after a flush, if it differs from
    /// [`chunk_samples`](Self::chunk_samples). A model with overlapping windows needs the first window as a whole, and
    /// then only the distance between two windows. At most one minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_chunk_samples: Option<u32>,
    /// Maximum number of streams that the model can serve at once, if limited.
    pub max_streams: Option<u32>,
    /// Maximum number of processors in one `process_batch`; 1 means no batching.
    pub max_batch: u32,
    /// Whether [`process_batch`](crate::Model::process_batch) also ends streams, see
    /// [`BatchItem::ends`](crate::BatchItem::ends). Otherwise each stream is ended by its own
    /// [`finish`](crate::AsrProcessor::finish).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ends_in_batch: bool,
    /// Whether creating a processor loads a model of its own. In a worker process it may then take as long as loading
    /// the model (`load_seconds`) instead of as long as a call.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub loads_per_stream: bool,
    /// The guarantee for a stream that is recovered from a restart point.
    pub replay: Replay,
    /// BCP 47 tags of the supported languages; empty if unknown.
    pub languages: Vec<String>,
    /// Names of the capabilities that clients can expect: `partials`, `word-times`, `confidence`, `endpoints`, ...
    pub capabilities: Vec<String>,
    /// Additional fields, shown to clients.
    pub extra: Map<String, Value>,
}

/// The guarantee for a stream that another processor continues from a restart point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Replay {
    /// The engine reports no restart points.
    #[default]
    None,
    /// No audio is skipped, and no segment is repeated or changed.
    Lossless,
    /// The text is the same as without the recovery.
    Exact,
}

impl Default for Metadata {
    fn default() -> Self {
        Self {
            separator: " ".into(),
            sample_rate: 16_000,
            chunk_samples: 1_600,
            first_chunk_samples: None,
            max_streams: None,
            max_batch: 1,
            ends_in_batch: false,
            loads_per_stream: false,
            replay: Replay::None,
            languages: Vec::new(),
            capabilities: Vec::new(),
            extra: Map::new(),
        }
    }
}

impl Metadata {
    /// Creates the metadata of a model with this sample rate in Hz, and chunks of `chunk_samples`.
    pub fn new(sample_rate: u32, chunk_samples: u32) -> Self {
        Self { sample_rate, chunk_samples, ..Self::default() }
    }

    /// Sets the number of samples in the first chunk.
    #[must_use]
    pub fn first_chunk(mut self, samples: u32) -> Self {
        self.first_chunk_samples = Some(samples);
        self
    }

    /// Sets the separator between segments.
    #[must_use]
    pub fn separator(mut self, separator: impl Into<String>) -> Self {
        self.separator = separator.into();
        self
    }

    /// Sets the maximum number of streams.
    #[must_use]
    pub fn max_streams(mut self, streams: u32) -> Self {
        self.max_streams = Some(streams);
        self
    }

    /// Sets the maximum number of processors in one `process_batch`.
    #[must_use]
    pub fn max_batch(mut self, streams: u32) -> Self {
        self.max_batch = streams;
        self
    }

    /// Sets that `process_batch` also ends streams.
    #[must_use]
    pub fn ends_in_batch(mut self) -> Self {
        self.ends_in_batch = true;
        self
    }

    /// Sets that creating a processor may take as long as loading a model.
    #[must_use]
    pub fn loads_per_stream(mut self) -> Self {
        self.loads_per_stream = true;
        self
    }

    /// Sets the guarantee for recovered streams.
    #[must_use]
    pub fn replay(mut self, replay: Replay) -> Self {
        self.replay = replay;
        self
    }

    /// Sets the supported languages (BCP 47).
    #[must_use]
    pub fn languages<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.languages = tags.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the capabilities.
    #[must_use]
    pub fn capabilities<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.capabilities = names.into_iter().map(Into::into).collect();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_an_older_or_newer_engine_wrote() {
        let old: Metadata = serde_json::from_str(r#"{"sample_rate": 8000}"#).unwrap();
        assert_eq!((old.sample_rate, old.max_batch), (8_000, 1));
        let new: Metadata = serde_json::from_str(r#"{"sample_rate": 8000, "unheard_of": [1]}"#).unwrap();
        assert_eq!(new, old);
    }
}
