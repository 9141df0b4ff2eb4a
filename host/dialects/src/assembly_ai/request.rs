//! What the URL of an AssemblyAI client asks for, checked against the presets.

use super::{options::Options, settings::AssemblyAiSettings};
use crate::{preset::chosen_preset, wanted::Wanted};
use auricle_core::Failure;
use auricle_session::Admitted;

/// The dialect's name.
pub(super) const NAME: &str = "assemblyai";

/// What a client asks for.
#[derive(Debug, Clone, Default)]
pub(super) struct Request {
    pub(super) preset: String,
    pub(super) options: Options,
}

impl Request {
    /// Reads the query of a URL.
    ///
    /// # Errors
    /// A parameter is invalid, or cannot be served.
    pub(super) fn read(query: &str, settings: &AssemblyAiSettings, admitted: &Admitted) -> Result<Self, Failure> {
        let options = Options::parse(query)?;
        let (model, set) = (options.model.as_deref(), settings.preset.as_ref());
        let preset = chosen_preset(model, set, NAME, "set `speech_model`, or ", admitted)?;
        let request = Self { preset, options };
        request.wanted().check("`keyterms_prompt` needs", admitted.sessions())?;
        Ok(request)
    }

    pub(super) fn wanted(&self) -> Wanted<'_> {
        let Self { preset, options } = self;
        let language = options.languages.first().filter(|_| options.languages.len() == 1).map(String::as_str);
        Wanted { preset, language, phrases: &options.phrases, prompt: &options.prompt }
    }
}
