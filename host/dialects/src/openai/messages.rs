//! The JSON of responses.

use serde::Serialize;

/// An error.
#[derive(Debug, Serialize)]
pub(crate) struct ErrorBody {
    pub(crate) error: ErrorFields,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct ErrorFields {
    pub(super) message: String,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) param: Option<&'static str>,
    pub(super) code: String,
}

/// `GET /v1/models`.
#[derive(Debug, Serialize)]
pub(super) struct ModelList {
    pub(super) object: &'static str,
    pub(super) data: Vec<Model>,
}

/// A model that a client may name.
#[derive(Debug, Serialize)]
pub(super) struct Model {
    pub(super) id: String,
    object: &'static str,
    created: u64,
    owned_by: &'static str,
}

impl Model {
    pub(super) fn new(id: String) -> Self {
        Self { id, object: "model", created: 0, owned_by: "auricle" }
    }
}

/// `response_format` `json`.
#[derive(Debug, Serialize)]
pub(super) struct Transcription {
    pub(super) text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) logprobs: Option<Vec<Logprob>>,
    pub(super) usage: Usage,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) warnings: Vec<String>,
}

/// `response_format` `verbose_json`.
#[derive(Debug, Serialize)]
pub(super) struct Verbose {
    pub(super) task: &'static str,
    pub(super) language: String,
    /// Seconds.
    pub(super) duration: f64,
    pub(super) text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) segments: Option<Vec<VerboseSegment>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) words: Option<Vec<VerboseWord>>,
    pub(super) usage: Usage,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) warnings: Vec<String>,
}

/// A segment. Engines do not report `seek`, `tokens`, `compression_ratio` and `no_speech_prob`, which the official clients require.
#[derive(Debug, Serialize)]
pub(super) struct VerboseSegment {
    pub(super) id: usize,
    pub(super) seek: u64,
    pub(super) start: f64,
    pub(super) end: f64,
    pub(super) text: String,
    pub(super) tokens: [u32; 0],
    pub(super) temperature: f64,
    pub(super) avg_logprob: f64,
    pub(super) compression_ratio: f64,
    pub(super) no_speech_prob: f64,
}

#[derive(Debug, Serialize)]
pub(super) struct VerboseWord {
    pub(super) word: String,
    pub(super) start: f64,
    pub(super) end: f64,
}

/// The probability of a word.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Logprob {
    pub(super) token: String,
    pub(super) logprob: f64,
    pub(super) bytes: Vec<u8>,
}

/// What is charged for: seconds of audio.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Usage {
    #[serde(rename = "type")]
    kind: &'static str,
    seconds: f64,
}

impl Usage {
    pub(crate) fn new(seconds: f64) -> Self {
        Self { kind: "duration", seconds }
    }
}

/// An event of a streamed response.
#[derive(Debug, Serialize)]
#[serde(tag = "type")]
pub(super) enum StreamEvent {
    /// Text to append to the text so far.
    #[serde(rename = "transcript.text.delta")]
    Delta {
        delta: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        logprobs: Option<Vec<Logprob>>,
    },
    /// The whole text.
    #[serde(rename = "transcript.text.done")]
    Done(Transcription),
}
