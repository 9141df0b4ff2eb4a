//! The stage `numbers`: numbers as figures, or as words.

use crate::{figures::Figures, rewriter::Rewriter, spelled::Spelled, words::Rule};
use auricle_plugin_api::{Config, Error, Field, Host, Schema, Stage, StageLoader, StageMetadata};
use std::sync::Arc;

/// The loader of the stage `numbers`.
pub struct NumbersLoader;

/// It loads nothing: streams choose what they want.
pub struct Numbers;

impl StageLoader for NumbersLoader {
    type Stage = Numbers;

    fn name(&self) -> &str {
        "numbers"
    }

    fn schema(&self) -> Schema {
        Schema::new()
            .field(
                Field::stream("to").one_of(["figures", "words"]).default("figures").describe(
                    "how numbers are written: `twenty five` becomes 25, or 25 becomes `twenty-five`; English",
                ),
            )
            .field(
                Field::stream("least")
                    .number(0.0, 1e9)
                    .default(10.0)
                    .describe("a single number below this stays a word; several in a row become figures"),
            )
    }

    fn load(&self, _: &Config, _: &Host) -> Result<Numbers, Error> {
        Ok(Numbers)
    }
}

impl Stage for Numbers {
    type Stream = Rewriter;

    fn metadata(&self) -> StageMetadata {
        StageMetadata::new().changes_text()
    }

    fn stream(self: &Arc<Self>, options: &Config) -> Result<Rewriter, Error> {
        let rule: Arc<dyn Rule> = match options.get::<String>("to")?.as_str() {
            "words" => Arc::new(Spelled),
            _ => Arc::new(Figures::new(options.get("least")?)),
        };
        Ok(Rewriter::new(rule))
    }
}
