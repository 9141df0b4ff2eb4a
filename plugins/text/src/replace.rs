//! The stage `replace`: phrases are replaced as a table says, whatever their case and the punctuation around them.

use crate::{
    rewriter::Rewriter,
    words::{Core, Edit, Rule},
};
use auricle_plugin_api::{Config, Error, Field, Host, Schema, Stage, StageLoader, StageMetadata};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// The loader of the stage `replace`.
pub struct ReplaceLoader;

/// A loaded table.
pub struct Replace {
    table: Arc<Table>,
}

/// The phrases by their first words.
#[derive(Default)]
struct Table(HashMap<String, Vec<Entry>>);

struct Entry {
    /// In lower case.
    phrase: Vec<String>,
    /// Empty to remove the phrase.
    text: String,
}

impl StageLoader for ReplaceLoader {
    type Stage = Replace;

    fn name(&self) -> &str {
        "replace"
    }

    fn schema(&self) -> Schema {
        let table = Field::load("table")
            .set("type", "object")
            .set("additionalProperties", serde_json::json!({"type": "string"}));
        Schema::new().field(table.required().describe(
            "phrases and what to write in their place; nothing, to leave them out. Case and punctuation around words do not matter",
        ))
    }

    fn load(&self, config: &Config, _: &Host) -> Result<Replace, Error> {
        Ok(Replace { table: Arc::new(Table::new(config.get("table")?)?) })
    }
}

impl Stage for Replace {
    type Stream = Rewriter;

    fn metadata(&self) -> StageMetadata {
        StageMetadata::new().changes_text()
    }

    fn stream(self: &Arc<Self>, _: &Config) -> Result<Rewriter, Error> {
        let table: Arc<Table> = Arc::clone(&self.table);
        Ok(Rewriter::new(table))
    }
}

impl Table {
    fn new(entries: BTreeMap<String, String>) -> Result<Self, Error> {
        let mut table = Self::default();
        for (from, text) in entries {
            let phrase: Vec<_> = from.split_whitespace().map(plain).collect();
            let Some(first) = phrase.first().filter(|_| phrase.iter().all(|word| !word.is_empty())) else {
                return Err(Error::config(
                    "table",
                    format!("`{from}` is not a phrase: each of its words needs a letter or a digit"),
                ));
            };
            table.0.entry(first.clone()).or_default().push(Entry { phrase, text: text.trim().to_owned() });
        }
        // The longest phrase counts.
        table.0.values_mut().for_each(|entries| entries.sort_by_key(|entry| std::cmp::Reverse(entry.phrase.len())));
        Ok(table)
    }
}

impl Rule for Table {
    fn edits(&self, words: &[&str]) -> Vec<Edit> {
        let heard: Vec<_> = words.iter().map(|word| plain(word)).collect();
        let mut edits = Vec::new();
        let mut place = 0;
        while place < words.len() {
            let entries = self.0.get(&heard[place]).into_iter().flatten();
            let Some(Entry { phrase, text }) =
                entries.into_iter().find(|entry| heard[place..].starts_with(&entry.phrase))
            else {
                place += 1;
                continue;
            };
            let range = place..place + phrase.len();
            let (lead, trail) = (Core::new(words[range.start]).lead, Core::new(words[range.end - 1]).trail);
            let text = (!text.is_empty()).then(|| format!("{lead}{text}{trail}"));
            place = range.end;
            edits.push(Edit { range, text });
        }
        edits
    }
}

/// A word in lower case, without the punctuation around it.
fn plain(word: &str) -> String {
    Core::new(word).core.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::{edit_text, split};

    fn replaced(table: &[(&str, &str)], text: &str) -> String {
        let table =
            Table::new(table.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect()).unwrap();
        edit_text(&split(text), &table.edits(&split(text)))
    }

    #[test]
    fn the_longest_phrase_counts_and_punctuation_stays() {
        let table = [("oracle", "Auricle"), ("oracle server", "the server"), ("um", "")];
        assert_eq!(replaced(&table, "Um, the (Oracle) is an oracle server."), "the (Auricle) is an the server.");
        assert_eq!(replaced(&table, "oracles"), "oracles");
    }

    #[test]
    fn a_phrase_needs_words() {
        let refused = Table::new([("- x".to_owned(), String::new())].into()).err().unwrap();
        assert!(refused.to_string().contains("`- x`"), "{refused}");
    }
}
