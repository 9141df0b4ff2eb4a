//! What the URL of a connection or a request asks for, checked against the presets.

use super::{
    headers::new_id,
    options::{Options, Way},
    settings::DeepgramSettings,
};
use crate::{preset::chosen_preset, wanted::Wanted};
use auricle_core::{AudioFormat, Failure, Pace};
use auricle_session::{Admitted, SessionRequest};

/// The dialect's name.
pub(super) const NAME: &str = "deepgram";
/// What a client can do if it has no preset.
pub(super) const ADVICE: &str = "set `model`, or ";

/// What a client asks for.
#[derive(Debug, Clone, Default)]
pub(super) struct Request {
    /// As in the header `dg-request-id`.
    pub(super) id: String,
    preset: String,
    pub(super) options: Options,
}

impl Request {
    /// Reads the query of a URL.
    ///
    /// # Errors
    /// A parameter is invalid, or cannot be served.
    pub(super) fn read(
        query: &str,
        way: Way,
        settings: &DeepgramSettings,
        admitted: &Admitted,
    ) -> Result<Self, Failure> {
        let options = Options::parse(query, way)?;
        let preset = chosen_preset(options.model.as_deref(), settings.preset.as_ref(), NAME, ADVICE, admitted)?;
        let request = Self { id: new_id(), preset, options };
        request.wanted().check("`keyterm` and `keywords` need", admitted.sessions())?;
        Ok(request)
    }

    fn wanted(&self) -> Wanted<'_> {
        let Self { preset, options, .. } = self;
        Wanted { preset, language: options.language.as_deref(), phrases: &options.phrases, prompt: "" }
    }

    /// The session for it.
    pub(super) fn session(&self, audio: AudioFormat, pace: Pace) -> SessionRequest {
        self.wanted().session(audio, pace)
    }
}
