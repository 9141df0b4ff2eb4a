//! Recognised texts, as clients get them.

#[cfg(feature = "host")]
use crate::times::seconds;
#[cfg(feature = "host")]
use auricle_plugin_api::Segment;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A text with its times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Text {
    /// Start in seconds.
    pub start: f64,
    /// End in seconds.
    pub end: f64,
    /// The text, without leading and trailing white space.
    pub text: String,
    /// Confidence, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f32>,
    /// Language as BCP 47 tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The words, if the engine reports their times.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<TextWord>,
    /// Additional fields from the engine.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
}

/// A word of a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextWord {
    /// Start in seconds.
    pub start: f64,
    /// End in seconds.
    pub end: f64,
    /// The word.
    pub text: String,
    /// Confidence, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f32>,
    /// Additional fields from the engine.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
}

impl Text {
    /// A text without details. Times are in seconds.
    pub fn plain(start: f64, end: f64, text: &str) -> Self {
        let (text, words) = (text.to_owned(), Vec::new());
        Self { start, end, text, confidence: None, language: None, words, extra: Map::new() }
    }

    /// An engine's text, whose times are samples at `rate` Hz.
    #[cfg(feature = "host")]
    pub fn of(segment: &Segment, rate: u32) -> Self {
        let seconds = |samples| seconds(samples, rate);
        let words = segment.words.iter().map(|word| TextWord {
            start: seconds(word.start),
            end: seconds(word.end),
            text: word.text().into_owned(),
            confidence: word.confidence,
            extra: word.extra.clone(),
        });
        Self {
            start: seconds(segment.start),
            end: seconds(segment.end),
            text: segment.text().into_owned(),
            confidence: segment.confidence,
            language: segment.language.clone(),
            words: words.collect(),
            extra: segment.extra.clone(),
        }
    }
}
