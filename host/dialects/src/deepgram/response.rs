//! The JSON of the response to a recording.

use super::messages::{Alternative, Channel, ModelInfo, Warning, Word};
use serde::Serialize;
use std::collections::BTreeMap;

/// The response to a recording.
#[derive(Debug, Serialize)]
pub(super) struct Response {
    pub(super) metadata: Metadata,
    pub(super) results: Results,
}

/// The request, the recording and the model.
#[derive(Debug, Serialize)]
pub(super) struct Metadata {
    pub(super) transaction_key: &'static str,
    /// As in the header `dg-request-id`.
    pub(super) request_id: String,
    /// SHA-256 of the body, in hexadecimal digits.
    pub(super) sha256: String,
    /// When the request began, as in RFC 3339.
    pub(super) created: String,
    /// Length of the audio in seconds.
    pub(super) duration: f64,
    /// The number of channels of the recording.
    pub(super) channels: u16,
    /// The preset: the only key of `model_info`.
    pub(super) models: [String; 1],
    pub(super) model_info: BTreeMap<String, ModelInfo>,
    /// Parameters without effect, and parts of the audio that were not heard.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) warnings: Vec<Warning>,
}

/// The text.
#[derive(Debug, Serialize)]
pub(super) struct Results {
    /// One, or one for each channel.
    pub(super) channels: Vec<Channel>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) utterances: Option<Vec<Utterance>>,
}

/// Words without a long pause between them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Utterance {
    /// In seconds.
    pub(super) start: f64,
    /// In seconds.
    pub(super) end: f64,
    pub(super) confidence: f64,
    /// The channel, from 0.
    pub(super) channel: usize,
    pub(super) transcript: String,
    pub(super) words: Vec<Word>,
    pub(super) id: String,
}

impl From<Alternative> for Channel {
    fn from(alternative: Alternative) -> Self {
        Self { alternatives: vec![alternative] }
    }
}
