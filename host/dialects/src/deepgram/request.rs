//! What the URL of a connection or a request asks for, checked against the presets.

use super::{
    options::{Options, Way},
    settings::DeepgramSettings,
};
use crate::{
    fields::{HOTWORDS, WantedLanguage},
    preset::{default_preset, named_preset},
};
use auricle_core::{AudioFormat, Failure, FailureCode, Pace};
use auricle_session::{Admitted, SessionRequest};
use axum::http::{HeaderMap, HeaderValue, header};
use serde_json::Map;
use uuid::Uuid;

/// The dialect's name.
pub(super) const NAME: &str = "deepgram";

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
    pub(super) fn read(
        query: &str,
        way: Way,
        settings: &DeepgramSettings,
        admitted: &Admitted,
    ) -> Result<Self, Failure> {
        let options = Options::parse(query, way)?;
        let preset = preset(&options, settings, admitted)?;
        if !options.phrases.is_empty() && !admitted.sessions().opens(&preset, HOTWORDS) {
            let message =
                format!("`keyterm` and `keywords` need a preset that opens `{HOTWORDS}`; `{preset}` does not");
            return Err(Failure::new(FailureCode::ForbiddenField, message));
        }
        Ok(Self { id: new_id(), preset, options })
    }

    /// The session for it, and the language to compare with the model's.
    pub(super) fn session(
        &self,
        audio: AudioFormat,
        pace: Pace,
        admitted: &Admitted,
    ) -> (SessionRequest, WantedLanguage) {
        let Self { options, preset, .. } = self;
        let mut fields = Map::new();
        let language = WantedLanguage::new(options.language.as_deref(), preset, admitted.sessions(), &mut fields);
        if !options.phrases.is_empty() {
            fields.insert(HOTWORDS.to_owned(), options.phrases.clone().into());
        }
        (SessionRequest { preset: preset.clone(), options: fields, audio, pace }, language)
    }
}

fn preset(options: &Options, settings: &DeepgramSettings, admitted: &Admitted) -> Result<String, Failure> {
    if let Some(model) = &options.model {
        return named_preset(model, admitted.sessions(), admitted.caller());
    }
    let preset = default_preset(settings.preset.as_ref(), NAME, "set `model`, or ", admitted)?;
    admitted.caller().check_preset(&preset)?;
    Ok(preset)
}

/// An id for a request.
pub(super) fn new_id() -> String {
    Uuid::new_v4().to_string()
}

/// The key in `Authorization: Token KEY`.
pub(super) fn token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("token").then(|| key.trim())
}

/// A header that may quote a client.
pub(super) fn visible(text: &str) -> HeaderValue {
    let text: String = text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect();
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}
