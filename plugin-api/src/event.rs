//! What an engine says it heard: segments and their words.

use serde_json::{Map, Value};
use std::borrow::Cow;

/// A stretch of text with its place in the stream: a final segment, or the partial hypothesis after the last one.
///
/// Start and end are samples at the model's rate, absolute in the stream, start <= end.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// First sample.
    pub start: u64,
    /// One past the last sample.
    pub end: u64,
    pub(crate) text: Vec<u8>,
    /// How sure the engine is of the whole, 0 to 1.
    pub confidence: Option<f32>,
    /// BCP 47 tag of the language heard, where the engine can tell.
    pub language: Option<String>,
    /// The words, in order, where the engine times them.
    pub words: Vec<Word>,
    /// Anything else, passed on to clients under `extra`.
    pub extra: Map<String, Value>,
}

impl Segment {
    /// A segment of `text` from sample `start` to `end`.
    ///
    /// The text is UTF-8; bytes of a C library may be handed over as they are, the server replaces what is not valid.
    /// Outer white space is removed by the server, which joins segments by [`Metadata::separator`](crate::Metadata).
    pub fn new(start: u64, end: u64, text: impl Into<Vec<u8>>) -> Self {
        Self { start, end, text: text.into(), confidence: None, language: None, words: Vec::new(), extra: Map::new() }
    }

    /// The text, with U+FFFD for what is not valid UTF-8.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.text)
    }

    /// The text as the engine gave it.
    pub fn text_bytes(&self) -> &[u8] {
        &self.text
    }

    /// Sets the confidence, 0 to 1.
    #[must_use]
    pub fn confidence(mut self, confidence: f32) -> Self {
        self.confidence = Some(confidence);
        self
    }

    /// Sets the language heard (BCP 47).
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

    /// Adds a field that clients see under `extra`.
    #[must_use]
    pub fn extra(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(name.to_owned(), value.into());
        self
    }
}

/// One word of a [`Segment`], with times as there.
#[derive(Debug, Clone, PartialEq)]
pub struct Word {
    /// First sample.
    pub start: u64,
    /// One past the last sample.
    pub end: u64,
    pub(crate) text: Vec<u8>,
    /// How sure the engine is of the word, 0 to 1.
    pub confidence: Option<f32>,
    /// Anything else, passed on to clients under `extra`.
    pub extra: Map<String, Value>,
}

impl Word {
    /// A word from sample `start` to `end`; the text as in [`Segment::new`].
    pub fn new(start: u64, end: u64, text: impl Into<Vec<u8>>) -> Self {
        Self { start, end, text: text.into(), confidence: None, extra: Map::new() }
    }

    /// The text, with U+FFFD for what is not valid UTF-8.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.text)
    }

    /// The text as the engine gave it.
    pub fn text_bytes(&self) -> &[u8] {
        &self.text
    }

    /// Sets the confidence, 0 to 1.
    #[must_use]
    pub fn confidence(mut self, confidence: f32) -> Self {
        self.confidence = Some(confidence);
        self
    }

    /// Adds a field that clients see under `extra`.
    #[must_use]
    pub fn extra(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(name.to_owned(), value.into());
        self
    }
}
