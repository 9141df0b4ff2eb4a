//! What a stream of the engine is opened with, from what a client wants.

use super::config::Config;
use crate::{
    fields::{KEYTERMS, LANGUAGE, PROMPT},
    openai::{Problem, phrases},
    stage_fields::{END_THRESHOLD, SILENCE_SECONDS, stage_option},
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
    /// Whether a stage takes up what ends items.
    pub(super) has_stage: bool,
    /// The parameter of that which has no effect.
    pub(super) ignored: Option<&'static str>,
}

impl Asked {
    /// # Errors
    /// The preset cannot do what the client wants.
    pub(super) fn new(preset: String, config: &Config, sessions: &Sessions) -> Result<Self, Problem> {
        let wanted = &config.transcription;
        let opens = |field: &str| sessions.opens(&preset, field);
        let cannot = |name: &str, field: &str| {
            let problem = format!("`{name}` needs a preset that opens `{field}`; `{preset}` does not");
            Err(Problem::unsupported(TRANSCRIPTION, problem))
        };
        let mut fields = Map::new();
        if let Some(language) = wanted.language.as_deref() {
            fields.insert(LANGUAGE.to_owned(), language.into());
        }
        let mut keywords = wanted.keywords.clone();
        if !keywords.is_empty() && !opens(KEYTERMS) {
            return cannot("keywords", KEYTERMS);
        }
        match wanted.prompt.as_str() {
            "" => {}
            prompt if opens(PROMPT) => drop(fields.insert(PROMPT.to_owned(), prompt.into())),
            prompt if opens(KEYTERMS) => keywords.extend(phrases(prompt)),
            _ => return cannot("prompt", PROMPT),
        }
        if !keywords.is_empty() {
            fields.insert(KEYTERMS.to_owned(), keywords.into());
        }
        let detection = config.detection();
        let limits = detection.limits();
        let silence = stage_option(SILENCE_SECONDS, &preset, sessions);
        let has_stage = silence.is_some();
        let end = stage_option(END_THRESHOLD, &preset, sessions);
        for (option, value) in [(silence, limits.silence_seconds), (end, limits.end_threshold)] {
            if let (Some(option), Some(value)) = (option, value) {
                fields.insert(option, value.into());
            }
        }
        let ignored = detection.parameter().filter(|_| !has_stage);
        Ok(Self { preset, fields, has_stage, ignored })
    }

    /// Whether a stream that was opened with one has what the other asks for.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (&self.preset, &self.fields) == (&other.preset, &other.fields)
    }
}
