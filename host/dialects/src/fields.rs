//! The engines' fields that dialects set for their clients, and parameters that have no effect.

use auricle_core::{Failure, FailureCode, metrics::Metrics};
use auricle_session::{SessionInfo, Sessions};
use serde_json::{Map, Value};

/// The spoken language.
pub(crate) const LANGUAGE: &str = "lan";
/// Phrases that are likely to be spoken.
pub(crate) const HOTWORDS: &str = "hotwords";
/// Text before the audio.
pub(crate) const PROMPT: &str = "prompt";
/// Transcription or translation.
pub(crate) const TASK: &str = "task";

/// The language that a client asked for. A preset that opens the field `lan` gets it; otherwise the model must support
/// it, which is known once the session is open.
#[derive(Debug, Default)]
pub(crate) struct WantedLanguage(Option<String>);

impl WantedLanguage {
    /// Sets the field if the preset opens it; else [`check`](Self::check) compares it with the model's languages.
    pub(crate) fn new(
        language: Option<&str>,
        preset: &str,
        sessions: &Sessions,
        fields: &mut Map<String, Value>,
    ) -> Self {
        let Some(language) = language else { return Self(None) };
        if sessions.opens(preset, LANGUAGE) {
            fields.insert(LANGUAGE.to_owned(), Value::from(language));
            return Self(None);
        }
        Self(Some(language.to_owned()))
    }

    /// Checks that the model has the language. A model that does not name its languages has any.
    ///
    /// # Errors
    /// `invalid_option`: it does not.
    pub(crate) fn check(&self, info: &SessionInfo) -> Result<(), Failure> {
        let known = &info.metadata.languages;
        match &self.0 {
            Some(language) if !known.is_empty() && !known.iter().any(|known| is_same(known, language)) => {
                let (preset, known) = (&info.preset, known.join(", "));
                let message = format!("`language` is `{language}`, but the model of preset `{preset}` knows: {known}");
                Err(Failure::new(FailureCode::InvalidOption, message))
            }
            _ => Ok(()),
        }
    }
}

/// Whether two BCP 47 tags are of the same language, whatever the region.
pub(crate) fn is_same(one: &str, other: &str) -> bool {
    let language = |tag: &str| tag.split(['-', '_']).next().unwrap_or_default().to_lowercase();
    language(one) == language(other)
}

/// Logs and counts the parameters of a client that have no effect.
pub(crate) fn note_ignored(dialect: &'static str, names: &[&'static str], info: &SessionInfo, metrics: &Metrics) {
    if names.is_empty() {
        return;
    }
    names.iter().for_each(|name| metrics.ignored(dialect, name));
    tracing::info!(stream = info.id, dialect, parameters = names.join(", "), "parameters without effect");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_do_not_matter() {
        assert!(is_same("en", "en-US") && is_same("pt_BR", "PT"));
        assert!(!is_same("en", "eng") && !is_same("de", "en"));
    }
}
