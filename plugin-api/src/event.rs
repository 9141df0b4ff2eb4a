//! The text that an engine reports: segments and their words.

use serde_json::{Map, Value};
use std::borrow::Cow;

/// A text with its place in the stream: a final segment, or the partial hypothesis after the last one.
///
/// Start and end are samples at the model's rate, counted from the start of the stream; start <= end.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// First sample.
    pub start: u64,
    /// One past the last sample.
    pub end: u64,
    pub(crate) text: Vec<u8>,
    /// Confidence of the whole text, 0 to 1.
    pub confidence: Option<f32>,
    /// BCP 47 tag of the language, if the engine detects it.
    pub language: Option<String>,
    /// The words in order, if the engine reports their times.
    pub words: Vec<Word>,
    /// Additional fields, sent to clients in `extra`.
    pub extra: Map<String, Value>,
}

impl Segment {
    /// Creates a segment with `text` from sample `start` to `end`.
    ///
    /// The text should be UTF-8. Bytes of a C library can be passed unchanged: the server replaces invalid sequences.
    /// The server also removes leading and trailing white space, and joins segments with
    /// [`Metadata::separator`](crate::Metadata).
    pub fn new(start: u64, end: u64, text: impl Into<Vec<u8>>) -> Self {
        Self { start, end, text: text.into(), confidence: None, language: None, words: Vec::new(), extra: Map::new() }
    }

    /// The text, with U+FFFD in place of invalid UTF-8.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.text)
    }

    /// The text as bytes, as the engine set it.
    pub fn text_bytes(&self) -> &[u8] {
        &self.text
    }

    /// Sets the confidence, 0 to 1.
    #[must_use]
    pub fn confidence(mut self, confidence: f32) -> Self {
        self.confidence = Some(confidence);
        self
    }

    /// Sets the language (a BCP 47 tag).
    #[must_use]
    pub fn language(mut self, tag: impl Into<String>) -> Self {
        self.language = Some(tag.into());
        self
    }

    /// Sets the words.
    #[must_use]
    pub fn words(mut self, words: Vec<Word>) -> Self {
        self.words = words;
        self
    }

    /// Adds a field to `extra`.
    #[must_use]
    pub fn extra(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(name.to_owned(), value.into());
        self
    }
}

/// A word of a [`Segment`]. Times are as in the segment.
#[derive(Debug, Clone, PartialEq)]
pub struct Word {
    /// First sample.
    pub start: u64,
    /// One past the last sample.
    pub end: u64,
    pub(crate) text: Vec<u8>,
    /// Confidence of the word, 0 to 1.
    pub confidence: Option<f32>,
    /// Additional fields, sent to clients in `extra`.
    pub extra: Map<String, Value>,
}

impl Word {
    /// Creates a word from sample `start` to `end`. For the text see [`Segment::new`].
    pub fn new(start: u64, end: u64, text: impl Into<Vec<u8>>) -> Self {
        Self { start, end, text: text.into(), confidence: None, extra: Map::new() }
    }

    /// The text, with U+FFFD in place of invalid UTF-8.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.text)
    }

    /// The text as bytes, as the engine set it.
    pub fn text_bytes(&self) -> &[u8] {
        &self.text
    }

    /// Sets the confidence, 0 to 1.
    #[must_use]
    pub fn confidence(mut self, confidence: f32) -> Self {
        self.confidence = Some(confidence);
        self
    }

    /// Adds a field to `extra`.
    #[must_use]
    pub fn extra(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(name.to_owned(), value.into());
        self
    }
}
