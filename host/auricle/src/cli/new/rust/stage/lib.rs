//! A stage that replaces words in texts: names that engines spell in their own way, or what must not be shown.

use auricle_plugin_api::{
    Config, Error, Field, Host, Schema, Segment, Stage, StageEvent, StageLoader, StageMetadata,
    StageSink, StageStream, Word,
};
use std::{collections::BTreeMap, sync::Arc};

/// The loader of the stage `my-engine`.
pub struct Loader;

impl StageLoader for Loader {
    type Stage = Replacements;

    fn name(&self) -> &str {
        "my-engine"
    }

    fn schema(&self) -> Schema {
        let words = Field::stream("words").set("type", "object");
        Schema::new().field(words.describe("words, and what is written instead of them"))
    }

    fn load(&self, _: &Config, _: &Host) -> Result<Replacements, Error> {
        Ok(Replacements)
    }
}

/// Shared by streams. A stage with a model would keep it here.
pub struct Replacements;

impl Stage for Replacements {
    type Stream = Replacer;

    fn metadata(&self) -> StageMetadata {
        StageMetadata::new().changes_text()
    }

    fn stream(self: &Arc<Self>, options: &Config) -> Result<Replacer, Error> {
        let words: Option<BTreeMap<String, String>> = options.get_optional("words")?;
        let lower = |(word, by): (String, String)| (word.to_lowercase(), by);
        Ok(Replacer {
            words: words.unwrap_or_default().into_iter().map(lower).collect(),
        })
    }
}

/// The state of one stream. It holds nothing back, so it has nothing to save.
pub struct Replacer {
    words: BTreeMap<String, String>,
}

impl Replacer {
    fn word(&self, word: &str) -> String {
        let by = self.words.get(&word.to_lowercase());
        by.map_or(word, String::as_str).to_owned()
    }

    fn text(&self, text: &str) -> String {
        let words: Vec<_> = text.split(' ').map(|word| self.word(word)).collect();
        words.join(" ")
    }

    fn segment(&self, old: &Segment) -> Segment {
        let mut new = Segment::new(old.start, old.end, self.text(&old.text()));
        new.confidence = old.confidence;
        new.language.clone_from(&old.language);
        new.extra.clone_from(&old.extra);
        let word = |old: &Word| {
            let mut new = Word::new(old.start, old.end, self.word(&old.text()));
            new.confidence = old.confidence;
            new.extra.clone_from(&old.extra);
            new
        };
        new.words = old.words.iter().map(word).collect();
        new
    }
}

impl StageStream for Replacer {
    fn init(&mut self, _: u64) -> Result<(), Error> {
        Ok(())
    }

    fn event(&mut self, event: StageEvent, sink: &mut StageSink<'_>) -> Result<(), Error> {
        let event = match event {
            StageEvent::Partial(text) => StageEvent::Partial(self.segment(&text)),
            StageEvent::Segment(text) => StageEvent::Segment(self.segment(&text)),
            other => other,
        };
        sink.event(&event);
        Ok(())
    }
}

auricle_plugin_api::export_plugin! { stages: [Loader], claims: {"needs": []} }
