//! The settings of the policy, as in presets.
//!
//! Invariant: valid settings leave room for a chunk beside a buffer that must be trimmed. Threads: any.

use super::{MOST_SECONDS, transcript::SAMPLE_RATE};
use auricle_plugin_api::{Config, Error, Field, Schema};
use serde::Deserialize;

const CHUNK: &str = "min_chunk_size";
const WAY: &str = "buffer_trimming";
const LIMIT: &str = "buffer_trimming_sec";
const SETTLE: &str = "settle_seconds";
const POLICY: &str = "policy";
/// With AlignAtt, a word is final that ends so many samples before the end of the audio: the 25 frames of its authors.
const MARGIN: u64 = SAMPLE_RATE as u64 / 2;

/// When words are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// LocalAgreement: when consecutive hypotheses agree on them.
    #[default]
    Agreement,
    /// AlignAtt: when they ended half a second before the end of the audio, if the model is sure of them. Requires times that
    /// come from the model's attention.
    AlignAtt,
}

/// Where a long buffer is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trimming {
    /// At the end of one of the model's passages.
    #[default]
    Segment,
    /// At the end of a sentence.
    Sentence,
}

/// The settings of the policy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// When words are final.
    pub policy: Policy,
    /// Seconds of new audio per decode.
    pub min_chunk_size: f64,
    /// Where the buffer is cut.
    pub buffer_trimming: Trimming,
    /// Length of the buffer, in seconds, above which it is cut.
    pub buffer_trimming_sec: f64,
    /// Seconds of audio after a word until it is final even if hypotheses do not agree on it, but on words after it.
    pub settle_seconds: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            policy: Policy::Agreement,
            min_chunk_size: 1.0,
            buffer_trimming: Trimming::Segment,
            buffer_trimming_sec: 15.0,
            settle_seconds: 3.0,
        }
    }
}

impl Settings {
    /// Adds the fields that [`Settings::new`] reads.
    pub fn fields(schema: Schema) -> Schema {
        let Self { min_chunk_size, buffer_trimming_sec, settle_seconds, .. } = Self::default();
        schema
            .field(Field::stream(POLICY).one_of(["agreement", "alignatt"]).default("agreement").describe(
                "when words are final: when consecutive texts agree on them, or earlier, when they ended half a second before the \
                 end of the audio; the latter requires word times by attention",
            ))
            .field(
                Field::load(CHUNK).number(0.1, 10.0).default(min_chunk_size).describe(
                    "seconds of new audio per decode of the buffer: fewer give earlier text at a higher cost",
                ),
            )
            .field(
                Field::stream(WAY).one_of(["segment", "sentence"]).default("segment").describe(
                    "where a long buffer is cut: at the end of one of the model's segments, or of a sentence",
                ),
            )
            .field(
                Field::stream(LIMIT)
                    .number(1.0, 29.0)
                    .default(buffer_trimming_sec)
                    .describe("seconds of buffer above which it is cut; each decode processes the whole buffer"),
            )
            .field(Field::stream(SETTLE).number(0.5, 30.0).default(settle_seconds).describe(
                "seconds of audio after a word until it is final even if the last texts do not agree on it, but on words \
                 after it: fewer give final text earlier",
            ))
    }

    /// Reads the fields.
    ///
    /// # Errors
    /// A field is invalid; the message names it.
    pub fn new(options: &Config) -> Result<Self, Error> {
        let settings = Self {
            policy: options.get(POLICY)?,
            min_chunk_size: options.get(CHUNK)?,
            buffer_trimming: options.get(WAY)?,
            buffer_trimming_sec: options.get(LIMIT)?,
            settle_seconds: options.get(SETTLE)?,
        };
        let Self { min_chunk_size: chunk, buffer_trimming_sec: limit, .. } = settings;
        if !(0.1..=10.0).contains(&chunk) {
            return Err(Error::config(CHUNK, format!("is {chunk}: 0.1 to 10")));
        }
        let most = f64::from(MOST_SECONDS) - chunk;
        if !(1.0..=most).contains(&limit) {
            let problem = format!("is {limit}: 1 to {most}, as it and `{CHUNK}` must fit into {MOST_SECONDS} seconds");
            return Err(Error::config(LIMIT, problem));
        }
        Ok(settings)
    }

    /// Number of samples of new audio per decode.
    pub fn chunk_samples(&self) -> u32 {
        (self.min_chunk_size * f64::from(SAMPLE_RATE)).round() as u32
    }
}

/// The settings in samples.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// New audio per decode.
    pub(crate) chunk: usize,
    /// A buffer above this is cut at a passage's end, ...
    pub(crate) passage: usize,
    /// ... and above this at a sentence's.
    pub(crate) sentence: usize,
    /// A buffer above this is cut in any case.
    pub(crate) force: usize,
    /// Audio after a word until it is final without agreement on it.
    pub(crate) settle: u64,
    /// With AlignAtt, audio after a word until it is final.
    pub(crate) margin: Option<u64>,
}

impl Limits {
    /// `step` is the number of samples by which the buffer grows at most between two decodes.
    pub(crate) fn new(settings: &Settings, step: usize) -> Self {
        let force = ((MOST_SECONDS * SAMPLE_RATE) as usize).saturating_sub(step);
        let limit = (settings.buffer_trimming_sec * f64::from(SAMPLE_RATE)) as usize;
        let (passage, sentence) = match settings.buffer_trimming {
            Trimming::Segment => (limit, usize::MAX),
            Trimming::Sentence => (force, limit),
        };
        let settle = (settings.settle_seconds * f64::from(SAMPLE_RATE)) as u64;
        let margin = (settings.policy == Policy::AlignAtt).then_some(MARGIN);
        Self { chunk: settings.chunk_samples() as usize, passage, sentence, force, settle, margin }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(fields: Value) -> Result<Settings, Error> {
        let Value::Object(fields) = fields else { panic!("not an object") };
        Settings::new(&Config::with_defaults(fields, &Settings::fields(Schema::new())))
    }

    #[test]
    fn a_preset_that_says_nothing_gets_the_defaults() {
        assert_eq!(read(json!({})).unwrap(), Settings::default());
    }

    #[test]
    fn what_cannot_be_held_is_refused() {
        read(json!({"min_chunk_size": 5, "buffer_trimming_sec": 25, "buffer_trimming": "sentence"})).unwrap();
        let refused = |fields| read(fields).unwrap_err().message;
        assert!(refused(json!({"min_chunk_size": 5, "buffer_trimming_sec": 26})).contains("1 to 25"));
        assert!(refused(json!({"min_chunk_size": 0})).starts_with("field `min_chunk_size`"));
        assert!(refused(json!({"buffer_trimming": "word"})).starts_with("field `buffer_trimming`"));
    }
}
