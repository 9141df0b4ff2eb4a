//! Detects the end of an utterance: Kaldi's rules for the silence after the last token and for the length.
//!
//! Source: Kaldi, online2/online-endpoint.h; the three rules and their values are those of sherpa-onnx.

use auricle_plugin_api::{Config, Error, Field, Schema};

/// Silence that ends an utterance without text.
const RULE1: &str = "rule1_min_trailing_silence";
/// Silence that ends an utterance with text.
const RULE2: &str = "rule2_min_trailing_silence";
/// Length that always ends an utterance.
const RULE3: &str = "rule3_min_utterance_length";

/// The rules, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rules {
    silence_alone: f64,
    silence_after_speech: f64,
    length: f64,
}

impl Rules {
    /// The fields of the rules, which each stream can set.
    pub(crate) fn fields(schema: Schema) -> Schema {
        schema
            .field(
                Field::stream(RULE1)
                    .number(0.1, 3_600.0)
                    .default(2.4)
                    .describe("seconds of silence after which an utterance without text starts again"),
            )
            .field(Field::stream(RULE2).number(0.1, 3_600.0).default(1.2).describe(
                "seconds without a new token that end an utterance: its segment is final and an endpoint is reported",
            ))
            .field(
                Field::stream(RULE3)
                    .number(1.0, 3_600.0)
                    .default(20.0)
                    .describe("maximum length of an utterance in seconds"),
            )
    }

    pub(crate) fn new(options: &Config) -> Result<Self, Error> {
        let [silence_alone, silence_after_speech, length] =
            [options.get(RULE1)?, options.get(RULE2)?, options.get(RULE3)?];
        Ok(Self { silence_alone, silence_after_speech, length })
    }

    /// Whether an utterance of `length` seconds ends, the last `silence` seconds of which have no token.
    pub(crate) fn end(&self, length: f64, silence: f64, spoken: bool) -> bool {
        let enough = if spoken { self.silence_after_speech } else { self.silence_alone };
        silence >= enough || length >= self.length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_ends_an_utterance() {
        let config = Config::with_defaults(Default::default(), &Rules::fields(Schema::new()));
        let rules = Rules::new(&config).unwrap();
        for (length, silence, spoken, ends) in [
            (2.3, 2.3, false, false),
            (2.4, 2.4, false, true),
            (5.0, 1.1, true, false),
            (5.0, 1.2, true, true),
            (19.9, 0.0, true, false),
            (20.0, 0.0, true, true),
        ] {
            assert_eq!(rules.end(length, silence, spoken), ends, "{length} {silence} {spoken}");
        }
    }
}
