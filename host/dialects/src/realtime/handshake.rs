//! The dialect's interface to the server: keys, and the parameters in the URL, which are checked before the handshake is
//! answered.

use super::{connection::Connection, settings::RealtimeSettings};
use crate::{
    Dialect,
    openai::refusal,
    preset::{default_preset, named_preset},
    websocket::{ConnectionSettings, WebSocket, dialogue, offered_subprotocols, registered_close_code},
};
use auricle_core::{Failure, FailureCode};
use auricle_session::{Admitted, Codes, Protocol};
use axum::{
    body::Body,
    http::{HeaderMap, Response, header},
};
use form_urlencoded::parse;
use futures_util::future::BoxFuture;
use std::sync::Arc;

const NAME: &str = "openai-realtime";
/// What a browser offers beside its key.
const SUBPROTOCOL: &str = "realtime";
/// What the subprotocol with the key begins with.
const KEY: &str = "openai-insecure-api-key.";

/// OpenAI's protocol for the transcription of live audio.
#[derive(Debug)]
pub struct Realtime {
    settings: RealtimeSettings,
    /// That of the connection, unless its session names another; `None` if there is none.
    model: Option<String>,
}

impl Realtime {
    /// Creates the dialect with the operator's settings.
    pub fn new(settings: RealtimeSettings) -> Self {
        Self { settings, model: None }
    }

    /// The model in the URL, else the default preset.
    fn read(&self, query: &str, admitted: &Admitted) -> Result<Option<String>, Failure> {
        let mut model = None;
        for (name, value) in parse(query.as_bytes()) {
            match &*name {
                "model" => model = Some(value.into_owned()).filter(|model| !model.is_empty()),
                "intent" if value != "transcription" => {
                    let message = format!("`intent` is `{value}`: this server transcribes only, set `transcription`");
                    return Err(Failure::new(FailureCode::InvalidOption, message));
                }
                "call_id" => {
                    let message = "`call_id` cannot be used: this server has no calls, send the audio on the WebSocket";
                    return Err(Failure::new(FailureCode::InvalidOption, message));
                }
                _ => {}
            }
        }
        match model {
            Some(model) => named_preset(&model, admitted.sessions(), admitted.caller()).map(|_| Some(model)),
            // The session may still name one.
            None => Ok(default_preset(self.settings.preset.as_ref(), NAME, "", admitted).ok()),
        }
    }
}

impl Dialect for Realtime {
    fn name(&self) -> &'static str {
        NAME
    }

    fn paths(&self) -> &'static [&'static str] {
        &["/v1/realtime"]
    }

    fn close_code(&self) -> fn(FailureCode) -> u16 {
        registered_close_code
    }

    fn key<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        offered_subprotocols(headers).find_map(|name| name.strip_prefix(KEY))
    }

    /// Never returns the one that has the key.
    fn subprotocol(&self, headers: &HeaderMap) -> Option<&'static str> {
        offered_subprotocols(headers).any(|name| name == SUBPROTOCOL).then_some(SUBPROTOCOL)
    }

    fn with_query(&self, query: &str, admitted: &Admitted) -> Option<Result<Arc<dyn Dialect>, Failure>> {
        let model = self.read(query, admitted);
        Some(model.map(|model| Arc::new(Self { settings: self.settings.clone(), model }) as Arc<dyn Dialect>))
    }

    fn answer(&self, refused: Option<&Failure>, response: &mut Response<Body>) {
        if let Some(failure) = refused {
            let (told, body) = refusal(&failure.clone().into()).into_parts();
            *response.status_mut() = told.status;
            *response.body_mut() = body;
            response.headers_mut().remove(header::CONTENT_LENGTH);
            response.headers_mut().extend(told.headers);
        }
    }

    fn serve(
        self: Arc<Self>,
        socket: WebSocket,
        settings: Arc<ConnectionSettings>,
        admitted: Result<Admitted, Failure>,
    ) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let protocol = Protocol { name: NAME, codes: Codes::Close(registered_close_code) };
            let side = Connection::new(self.model.clone(), protocol, admitted.as_ref().ok());
            dialogue::serve(side, socket, &settings, admitted).await;
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderValue, StatusCode};

    #[test]
    fn a_browsers_key_is_in_a_subprotocol() {
        let dialect = Realtime::new(RealtimeSettings::default());
        let mut headers = HeaderMap::new();
        let offered = "realtime, openai-insecure-api-key.k1, openai-beta.realtime-v1";
        headers.insert("sec-websocket-protocol", HeaderValue::from_static(offered));
        assert_eq!((dialect.key(&headers), dialect.subprotocol(&headers)), (Some("k1"), Some("realtime")));
        headers.insert("sec-websocket-protocol", HeaderValue::from_static("chat"));
        assert_eq!((dialect.key(&headers), dialect.subprotocol(&headers)), (None, None));
    }

    #[test]
    fn a_refusal_has_openais_form() {
        let dialect = Realtime::new(RealtimeSettings::default());
        let mut response = Response::new(Body::empty());
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("1"));
        dialect.answer(Some(&Failure::new(FailureCode::ForbiddenPreset, "why")), &mut response);
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
        assert!(!response.headers().contains_key(header::CONTENT_LENGTH));
    }
}
