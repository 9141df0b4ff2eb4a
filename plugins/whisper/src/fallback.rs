//! Decodes bad texts again at a higher temperature.
//!
//! Source: Radford et al. 2022, section 4.5: text that repeats itself compresses too well, text that is guessed has a
//! low mean probability.

use crate::decoding::Decoded;
use auricle_plugin_api::{Config, Error, Field, Schema};
use flate2::{Compression, write::ZlibEncoder};
use std::io::Write;

const TEMPERATURE: &str = "temperature";
const COMPRESSION: &str = "compression_ratio_threshold";
const LOGPROB: &str = "logprob_threshold";
const NO_SPEECH: &str = "no_speech_threshold";

/// The criteria for a good decode.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fallback {
    /// Used in this order.
    pub(crate) temperatures: Vec<f32>,
    compression: f32,
    logprob: f32,
    no_speech: f32,
}

/// The assessment of a decode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Use it.
    Good,
    /// There is no speech.
    Silence,
    /// Try a higher temperature.
    Bad,
}

impl Fallback {
    pub(crate) fn fields(schema: Schema) -> Schema {
        let numbers = serde_json::json!({"type": "number", "minimum": 0, "maximum": 2});
        schema
            .field(
                Field::stream(TEMPERATURE)
                    .set("type", "array")
                    .set("items", numbers)
                    .set("minItems", 1)
                    .set("maxItems", 10)
                    .default(vec![0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
                    .describe("temperatures for decoding; each is used if the text at the previous one was bad; 0 selects the most likely tokens"),
            )
            .field(
                Field::stream(COMPRESSION).number(0.0, 100.0).default(2.4).describe(
                    "text that zlib makes shorter by more than this factor repeats itself and is decoded again",
                ),
            )
            .field(
                Field::stream(LOGPROB)
                    .number(-100.0, 0.0)
                    .default(-1.0)
                    .describe("text with a lower mean logarithmic probability of its tokens is decoded again"),
            )
            .field(
                Field::stream(NO_SPEECH)
                    .number(0.0, 1.0)
                    .default(0.6)
                    .describe("if the probability of no speech is higher, and the text is improbable, there is no text"),
            )
    }

    pub(crate) fn new(options: &Config) -> Result<Self, Error> {
        let (temperatures, compression) = (options.get(TEMPERATURE)?, options.get(COMPRESSION)?);
        Ok(Self { temperatures, compression, logprob: options.get(LOGPROB)?, no_speech: options.get(NO_SPEECH)? })
    }

    pub(crate) fn judge(&self, decoded: &Decoded, text: &str) -> Verdict {
        let improbable = decoded.mean_logprob() < self.logprob;
        if improbable && decoded.no_speech.is_some_and(|no_speech| no_speech > self.no_speech) {
            return Verdict::Silence;
        }
        if improbable || decoded.circled || compression_ratio(text) > self.compression {
            Verdict::Bad
        } else {
            Verdict::Good
        }
    }
}

/// The factor by which zlib compresses the text; 0 without text.
fn compression_ratio(text: &str) -> f32 {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    match encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish()) {
        Ok(bytes) => text.len() as f32 / bytes.len() as f32,
        Err(_) => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetition_guesses_and_silence_are_told_apart() {
        let config = Config::with_defaults(Default::default(), &Fallback::fields(Schema::new()));
        let fallback = Fallback::new(&config).unwrap();
        let decoded = |logprob: f32, no_speech| Decoded {
            tokens: vec![1],
            logprobs: vec![logprob; 2],
            no_speech,
            circled: false,
        };
        let text = "the quick brown fox jumps over the lazy dog";
        assert_eq!(fallback.judge(&decoded(-0.3, Some(0.9)), text), Verdict::Good);
        assert_eq!(fallback.judge(&decoded(-1.3, Some(0.9)), text), Verdict::Silence);
        assert_eq!(fallback.judge(&decoded(-1.3, Some(0.1)), text), Verdict::Bad);
        assert_eq!(fallback.judge(&decoded(-1.3, None), text), Verdict::Bad);
        assert_eq!(fallback.judge(&decoded(-0.3, None), &"again ".repeat(50)), Verdict::Bad);
        assert_eq!(fallback.judge(&Decoded { circled: true, ..decoded(-0.3, None) }, text), Verdict::Bad);
    }
}
