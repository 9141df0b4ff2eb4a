//! A segment's words as sherpa-onnx's tokens.

use auricle_plugin_api::Segment;

/// Tokens with their times; empty if the engine does not report the times of words.
pub(super) struct Tokens {
    /// Each with the separator before it, as in models with SentencePiece.
    pub(super) tokens: Vec<String>,
    /// First samples.
    pub(super) starts: Vec<u64>,
    /// One past the last samples.
    pub(super) ends: Vec<u64>,
    /// Natural logarithms of confidences; empty unless every word has one.
    pub(super) log_probs: Vec<f64>,
}

impl Tokens {
    pub(super) fn new(segment: &Segment, separator: &str) -> Self {
        let words = &segment.words;
        let confidences: Option<Vec<f32>> = words.iter().map(|word| word.confidence).collect();
        // The logarithm of 0 is not a number of JSON.
        let log_prob = |confidence: f32| f64::from(confidence.max(1e-10)).ln();
        Self {
            tokens: words.iter().map(|word| format!("{separator}{}", word.text())).collect(),
            starts: words.iter().map(|word| word.start).collect(),
            ends: words.iter().map(|word| word.end).collect(),
            log_probs: confidences.unwrap_or_default().into_iter().map(log_prob).collect(),
        }
    }
}
