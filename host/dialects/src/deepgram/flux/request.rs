//! What the URL of a client of Flux asks for, checked against the presets.

use super::{options::Options, stage::StageOptions};
use crate::{
    deepgram::{
        headers::new_id,
        request::{ADVICE, NAME},
        settings::DeepgramSettings,
    },
    preset::chosen_preset,
    wanted::Wanted,
};
use auricle_core::{AudioFormat, Failure, Pace};
use auricle_session::{Admitted, SessionRequest};

/// What a client asks for.
#[derive(Debug, Clone, Default)]
pub(super) struct Request {
    /// As in the header `dg-request-id`.
    pub(super) id: String,
    pub(super) preset: String,
    pub(super) options: Options,
    pub(super) stage: StageOptions,
}

/// Deepgram's own value, of which nothing is said if it has no effect.
const USUAL_END: f64 = 0.7;

impl Request {
    /// Reads the query of a URL.
    ///
    /// # Errors
    /// A parameter is invalid, or cannot be served.
    pub(super) fn read(query: &str, settings: &DeepgramSettings, admitted: &Admitted) -> Result<Self, Failure> {
        let mut options = Options::parse(query)?;
        let (model, set) = (options.model.as_deref(), settings.preset.as_ref());
        let preset = chosen_preset(model, set, NAME, ADVICE, admitted)?;
        let stage = StageOptions::of(&preset, admitted.sessions());
        stage.check(&options.thresholds, &preset)?;
        if !stage.has_end() && options.thresholds.eot_threshold.take().is_some_and(|end| end != USUAL_END) {
            options.ignored.insert(0, "eot_threshold");
        }
        let request = Self { id: new_id(), preset, options, stage };
        request.wanted().check("`keyterm` needs", admitted.sessions())?;
        Ok(request)
    }

    /// The session for it.
    pub(super) fn session(&self, audio: AudioFormat) -> SessionRequest {
        let mut request = self.wanted().session(audio, Pace::Live);
        request.options.extend(self.stage.values(&self.options.thresholds));
        request
    }

    fn wanted(&self) -> Wanted<'_> {
        let Self { preset, options, .. } = self;
        Wanted { preset, language: options.language.as_deref(), phrases: &options.phrases, prompt: "" }
    }
}
