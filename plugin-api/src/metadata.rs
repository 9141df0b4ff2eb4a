//! What a model tells the server about itself. Crosses the boundary as JSON, so that it can grow.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A model's facts: what the server needs to feed it and what clients are told of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Metadata {
    /// Joins the texts of consecutive segments; one space unless set (nothing for Chinese, say).
    pub separator: String,
    /// Samples per second the model hears, 1,000 to 384,000. The server resamples to it.
    pub sample_rate: u32,
    /// Samples a call to `insert_audio_chunk` brings: the engine's grid. At most a minute's worth.
    pub chunk_samples: u32,
    /// Samples that the first call brings, at the start of a stream and after a flush, where that is not
    /// [`chunk_samples`](Self::chunk_samples): a model that hears windows which overlap wants the first one whole, then
    /// as much as the next one is later. At most a minute's worth.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_chunk_samples: Option<u32>,
    /// Streams the model can serve at once, where it is bounded.
    pub max_streams: Option<u32>,
    /// Processors one `process_batch` may hold; 1 means no batching.
    pub max_batch: u32,
    /// Whether [`process_batch`](crate::Model::process_batch) also ends streams, see [`BatchItem::ends`](crate::BatchItem::ends).
    /// Otherwise each is ended by a [`finish`](crate::AsrProcessor::finish) of its own.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ends_in_batch: bool,
    /// What becomes of a stream that is recovered from a restart point.
    pub replay: Replay,
    /// BCP 47 tags of the languages understood; empty where the engine cannot say.
    pub languages: Vec<String>,
    /// What clients can expect, by name: `partials`, `word-times`, `confidence`, `endpoints`, ...
    pub capabilities: Vec<String>,
    /// Anything else, shown to clients.
    pub extra: Map<String, Value>,
}

/// What a client sees of a stream that another processor went on with, from a restart point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Replay {
    /// The engine reports no restart points.
    #[default]
    None,
    /// No audio skipped, no sent segment repeated or changed.
    Lossless,
    /// The text is the same as that of an undisturbed stream.
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
            replay: Replay::None,
            languages: Vec::new(),
            capabilities: Vec::new(),
            extra: Map::new(),
        }
    }
}

impl Metadata {
    /// A model that hears `sample_rate` samples per second in chunks of `chunk_samples`.
    pub fn new(sample_rate: u32, chunk_samples: u32) -> Self {
        Self { sample_rate, chunk_samples, ..Self::default() }
    }

    /// Sets how many samples the first chunk has.
    #[must_use]
    pub fn first_chunk(mut self, samples: u32) -> Self {
        self.first_chunk_samples = Some(samples);
        self
    }

    /// Sets what joins segments.
    #[must_use]
    pub fn separator(mut self, separator: impl Into<String>) -> Self {
        self.separator = separator.into();
        self
    }

    /// Sets how many streams can be served at once.
    #[must_use]
    pub fn max_streams(mut self, streams: u32) -> Self {
        self.max_streams = Some(streams);
        self
    }

    /// Sets how many processors one `process_batch` may hold.
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

    /// Sets what a recovered stream is like.
    #[must_use]
    pub fn replay(mut self, replay: Replay) -> Self {
        self.replay = replay;
        self
    }

    /// Sets the languages understood (BCP 47).
    #[must_use]
    pub fn languages<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.languages = tags.into_iter().map(Into::into).collect();
        self
    }

    /// Sets what clients can expect.
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
