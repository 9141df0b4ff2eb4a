//! What the URL of a client of Flux asks for, checked against the presets.

use super::options::Options;
use crate::{
    deepgram::{
        headers::new_id,
        request::{ADVICE, NAME},
        settings::DeepgramSettings,
    },
    preset::chosen_preset,
    wanted::Wanted,
};
use auricle_core::Failure;
use auricle_session::Admitted;

/// What a client asks for.
#[derive(Debug, Clone, Default)]
pub(super) struct Request {
    /// As in the header `dg-request-id`.
    pub(super) id: String,
    pub(super) preset: String,
    pub(super) options: Options,
}

impl Request {
    /// Reads the query of a URL.
    ///
    /// # Errors
    /// A parameter is invalid, or cannot be served.
    pub(super) fn read(query: &str, settings: &DeepgramSettings, admitted: &Admitted) -> Result<Self, Failure> {
        let options = Options::parse(query)?;
        let (model, set) = (options.model.as_deref(), settings.preset.as_ref());
        let preset = chosen_preset(model, set, NAME, ADVICE, admitted)?;
        let request = Self { id: new_id(), preset, options };
        request.wanted().check("`keyterm` needs", admitted.sessions())?;
        Ok(request)
    }

    pub(super) fn wanted(&self) -> Wanted<'_> {
        let Self { preset, options, .. } = self;
        Wanted { preset, language: options.language.as_deref(), phrases: &options.phrases, prompt: "" }
    }
}
