//! Presets for the model names that clients of other servers use: `[models]`, shared by all dialects. Threads: any.

use serde::Deserialize;
use std::collections::BTreeMap;

/// `[models]`: a client's model name, in which `*` stands for any characters, and the preset that it selects.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct ModelNames(BTreeMap<String, String>);

impl ModelNames {
    /// The preset for a name: of the name itself, else of the pattern with the most characters.
    pub(super) fn preset(&self, model: &str) -> Option<&str> {
        if let Some(preset) = self.0.get(model) {
            return Some(preset);
        }
        let fitting = self.entries().filter(|(pattern, _)| matches(pattern, model));
        fitting.max_by_key(|(pattern, _)| pattern.len()).map(|(_, preset)| preset)
    }

    /// The names without `*` and their presets, sorted by name.
    pub(super) fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries().filter(|(name, _)| !name.contains('*'))
    }

    /// All entries, sorted by name.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, preset)| (name.as_str(), preset.as_str()))
    }
}

/// Whether a pattern, in which `*` stands for any characters, fits the whole name.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(start) else { return false };
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*') {
        let Some(at) = name.find(part) else { return false };
        name = &name[at + part.len()..];
    }
    name.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, name, fits) in [
            ("whisper-1", "whisper-1", true),
            ("whisper-1", "whisper-12", false),
            ("nova-*", "nova-3", true),
            ("nova-*", "nova-", true),
            ("nova-*", "supernova-3", false),
            ("*-transcribe", "gpt-4o-transcribe", true),
            ("*-transcribe", "gpt-4o-transcribe-diarize", false),
            ("gpt-*-transcribe*", "gpt-4o-mini-transcribe-2025-12-15", true),
            ("a*a", "a", false),
            ("a*b*a", "aba", true),
            ("a*b*a", "aa", false),
            ("*", "", true),
            ("ü*", "übersetzen", true),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn the_most_specific_entry_decides() {
        let table = [("*", "any"), ("gpt-*", "large"), ("gpt-4o-mini-*", "small"), ("gpt-4o-mini-x", "exact")];
        let names = ModelNames(table.map(|(name, preset)| (name.to_owned(), preset.to_owned())).into());
        for (model, preset) in
            [("tts-1", "any"), ("gpt-5", "large"), ("gpt-4o-mini-transcribe", "small"), ("gpt-4o-mini-x", "exact")]
        {
            assert_eq!(names.preset(model), Some(preset), "{model}");
        }
        assert_eq!(ModelNames::default().preset("whisper-1"), None);
        assert_eq!(names.names().collect::<Vec<_>>(), [("gpt-4o-mini-x", "exact")]);
    }
}
