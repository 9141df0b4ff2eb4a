//! The options of a stream: search, hotwords, ends of utterances, reported details.

use crate::{
    endpoint::Rules,
    hotwords::Hotwords,
    model::Recognizer,
    search::{self, Decoder},
};
use auricle_plugin_api::{Config, Error, Field, Schema};
use std::sync::Arc;

const MOST_PATHS: i64 = 16;
const MOST_HOTWORDS: usize = 1_000;

/// The options of a stream.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) rules: Rules,
    pub(crate) search: search::Options,
    /// Whether segments include their tokens.
    pub(crate) tokens: bool,
}

impl Options {
    /// The fields, which each stream can set.
    pub(crate) fn fields(schema: Schema) -> Schema {
        let schema = schema
            .field(Field::stream("beam_size").integer(1, MOST_PATHS).default(1).describe(
                "number of hypotheses of a transducer (modified beam search): more cost more and make fewer errors; 1 is \
                 greedy",
            ))
            .field(Field::stream("blank_penalty").number(0.0, 20.0).default(0.0).describe(
                "subtracted from the score of the blank: a higher value misses fewer words and inserts more; for transducers",
            ))
            .field(
                Field::stream("hotwords")
                    .strings(MOST_HOTWORDS)
                    .default(Vec::<String>::new())
                    .describe(
                        "phrases that are likely to be spoken; ` :SCORE` at the end sets the score of a phrase; for \
                         transducers with a beam_size above 1",
                    ),
            )
            .field(
                Field::stream("hotwords_score")
                    .number(0.0, 100.0)
                    .default(1.5)
                    .describe("score that each token of a hotword adds to a hypothesis"),
            )
            .field(Field::stream("tokens").boolean().default(false).describe(
                "whether segments have `extra.tokens`: for each token its symbol, first sample, end and confidence",
            ));
        Rules::fields(schema)
    }

    pub(crate) fn new(model: &Recognizer, config: &Config) -> Result<Self, Error> {
        let paths: usize = config.get("beam_size")?;
        let blank_penalty: f32 = config.get("blank_penalty")?;
        let hotwords: Vec<String> = config.get("hotwords")?;
        let score: f32 = config.get("hotwords_score")?;
        if let Decoder::Ctc { .. } = model.decoder {
            let kind = model.encoder.layout.kind;
            for (field, set) in [("beam_size", paths > 1), ("blank_penalty", blank_penalty > 0.0)] {
                if set {
                    return Err(Error::config(
                        field,
                        format!("a model of kind {kind} has greedy search; only transducers support this"),
                    ));
                }
            }
        }
        let hotwords = phrases(model, &hotwords, score)?;
        if hotwords.is_some() && paths <= 1 {
            return Err(Error::config("hotwords", "they need a transducer and a beam_size above 1, such as 4"));
        }
        let search = search::Options { paths, blank_penalty, hotwords };
        Ok(Self { rules: Rules::new(config)?, search, tokens: config.get("tokens")? })
    }
}

/// Builds the graph of the phrases; `None` if there are none.
fn phrases(model: &Recognizer, hotwords: &[String], score: f32) -> Result<Option<Arc<Hotwords>>, Error> {
    let mut phrases = Vec::new();
    for phrase in hotwords.iter().filter(|phrase| !phrase.trim().is_empty()) {
        let refused = |problem: String| Error::config("hotwords", format!("`{phrase}`: {problem}"));
        let (text, own) = match phrase.rsplit_once(" :") {
            Some((text, own)) => (text, Some(own.trim())),
            None => (phrase.as_str(), None),
        };
        let score = match own.map(str::parse) {
            None => score,
            Some(Ok(own)) if (0.0..=100.0).contains(&own) => own,
            Some(_) => return Err(refused("its score is not a number from 0 to 100".into())),
        };
        phrases.push((model.pieces.encode(text, &model.symbols).map_err(refused)?, score));
    }
    Ok((!phrases.is_empty()).then(|| Arc::new(Hotwords::new(&phrases))))
}
