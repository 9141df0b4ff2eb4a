//! What a stream of the engine is opened with, from what a client wants.

use super::config::Transcription;
use crate::{
    fields::{HOTWORDS, PROMPT, WantedLanguage},
    openai::{Problem, phrases},
};
use auricle_session::Sessions;
use serde_json::{Map, Value};

/// Where a client says what it wants.
const TRANSCRIPTION: &str = "session.audio.input.transcription";

/// What a stream is opened with.
#[derive(Debug, Default)]
pub(super) struct Asked {
    preset: String,
    pub(super) fields: Map<String, Value>,
    pub(super) language: WantedLanguage,
}

impl Asked {
    /// # Errors
    /// The preset cannot do what the client wants.
    pub(super) fn new(preset: String, wanted: &Transcription, sessions: &Sessions) -> Result<Self, Problem> {
        let opens = |field: &str| sessions.opens(&preset, field);
        let cannot = |name: &str, field: &str| {
            let problem = format!("`{name}` needs a preset that opens `{field}`; `{preset}` does not");
            Err(Problem::unsupported(TRANSCRIPTION, problem))
        };
        let mut fields = Map::new();
        let language = WantedLanguage::new(wanted.language.as_deref(), &preset, sessions, &mut fields);
        let mut keywords = wanted.keywords.clone();
        if !keywords.is_empty() && !opens(HOTWORDS) {
            return cannot("keywords", HOTWORDS);
        }
        match wanted.prompt.as_str() {
            "" => {}
            prompt if opens(PROMPT) => drop(fields.insert(PROMPT.to_owned(), prompt.into())),
            prompt if opens(HOTWORDS) => keywords.extend(phrases(prompt)),
            _ => return cannot("prompt", PROMPT),
        }
        if !keywords.is_empty() {
            fields.insert(HOTWORDS.to_owned(), keywords.into());
        }
        Ok(Self { preset, fields, language })
    }

    /// Whether a stream that was opened with one has what the other asks for.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (&self.preset, &self.fields) == (&other.preset, &other.fields)
    }
}
