//! What clients of several dialects want of a session: a preset, a language, and what is likely to be said.

use crate::fields::{KEYTERMS, LANGUAGE, PROMPT};
use auricle_core::{AudioFormat, Failure, FailureCode, Pace};
use auricle_session::{SessionRequest, Sessions};
use serde_json::Map;

/// What a client wants.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) preset: &'a str,
    /// The spoken language; `None` to detect it.
    pub(crate) language: Option<&'a str>,
    /// Phrases that are likely to be spoken.
    pub(crate) phrases: &'a [String],
    /// Text before the audio; empty if there is none.
    pub(crate) prompt: &'a str,
}

impl Wanted<'_> {
    /// Checks that the preset opens the fields that are set. `phrases` begins the message about
    /// phrases, such as "`keyterm` needs".
    ///
    /// # Errors
    /// `forbidden_field`: it does not.
    pub(crate) fn check(&self, phrases: &str, sessions: &Sessions) -> Result<(), Failure> {
        let Self { preset, .. } = self;
        let needed =
            [(phrases, KEYTERMS, !self.phrases.is_empty()), ("`prompt` needs", PROMPT, !self.prompt.is_empty())];
        for (needs, field, is_set) in needed {
            if is_set && !sessions.opens(preset, field) {
                let message = format!("{needs} a preset that opens `{field}`; `{preset}` does not");
                return Err(Failure::new(FailureCode::ForbiddenField, message));
            }
        }
        Ok(())
    }

    /// The session for it.
    pub(crate) fn session(&self, audio: AudioFormat, pace: Pace) -> SessionRequest {
        let mut options = Map::new();
        if let Some(language) = self.language {
            options.insert(LANGUAGE.to_owned(), language.into());
        }
        if !self.phrases.is_empty() {
            options.insert(KEYTERMS.to_owned(), self.phrases.into());
        }
        if !self.prompt.is_empty() {
            options.insert(PROMPT.to_owned(), self.prompt.into());
        }
        SessionRequest { preset: self.preset.to_owned(), options, audio, multichannel: false, pace }
    }
}
