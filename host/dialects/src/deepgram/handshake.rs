//! The Deepgram dialect's interface to the server. Its parameters are in the URL, so they are checked before the handshake
//! is answered.

use super::{
    codes::{close_code, error_body},
    connection::Connection,
    options::Way,
    request::{NAME, Request, new_id, token, visible},
    settings::DeepgramSettings,
};
use crate::{
    Dialect,
    websocket::{ConnectionSettings, WebSocket, dialogue, offered_subprotocols},
};
use auricle_core::{Failure, FailureCode};
use auricle_session::{Admitted, Codes, Protocol};
use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
};
use futures_util::future::BoxFuture;
use std::sync::Arc;

/// The subprotocols beside which a browser offers its key.
const SCHEMES: [&str; 2] = ["token", "bearer"];

/// The protocol of Deepgram.
#[derive(Debug)]
pub struct Deepgram {
    pub(super) settings: DeepgramSettings,
    /// That of the connection; `None` before its URL is read.
    request: Option<Request>,
}

impl Deepgram {
    /// Creates the dialect with the operator's settings.
    pub fn new(settings: DeepgramSettings) -> Self {
        Self { settings, request: None }
    }

    fn request_id(&self) -> String {
        self.request.as_ref().map_or_else(new_id, |request| request.id.clone())
    }
}

impl Dialect for Deepgram {
    fn name(&self) -> &'static str {
        NAME
    }

    fn paths(&self) -> &'static [&'static str] {
        &["/v1/listen"]
    }

    fn close_code(&self) -> fn(FailureCode) -> u16 {
        close_code
    }

    fn key<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let offered = || {
            self.subprotocol(headers)?;
            offered_subprotocols(headers).find(|name| !SCHEMES.contains(name))
        };
        token(headers).or_else(offered)
    }

    /// Never returns the one that is the key.
    fn subprotocol(&self, headers: &HeaderMap) -> Option<&'static str> {
        offered_subprotocols(headers).find_map(|name| SCHEMES.into_iter().find(|scheme| *scheme == name))
    }

    fn with_query(&self, query: &str, admitted: &Admitted) -> Option<Result<Arc<dyn Dialect>, Failure>> {
        let request = Request::read(query, Way::Live, &self.settings, admitted);
        Some(request.map(|request| {
            Arc::new(Self { settings: self.settings.clone(), request: Some(request) }) as Arc<dyn Dialect>
        }))
    }

    fn answer(&self, refused: Option<&Failure>, response: &mut Response<Body>) {
        let id = self.request_id();
        if let Some(failure) = refused {
            let body = error_body(failure, &id);
            if matches!(failure.code, FailureCode::UnknownPreset | FailureCode::ForbiddenField) {
                *response.status_mut() = StatusCode::BAD_REQUEST;
            }
            *response.body_mut() = Body::from(body.to_string());
            let headers = response.headers_mut();
            headers.remove(header::CONTENT_LENGTH);
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            headers.insert("dg-error", visible(&failure.to_string()));
        }
        response.headers_mut().insert("dg-request-id", visible(&id));
    }

    fn serve(
        self: Arc<Self>,
        socket: WebSocket,
        settings: Arc<ConnectionSettings>,
        admitted: Result<Admitted, Failure>,
    ) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            // A client that is refused has none.
            let request = self.request.clone().unwrap_or_default();
            let side = Connection::new(request, Protocol { name: NAME, codes: Codes::Close(close_code) });
            dialogue::serve(side, socket, &settings, admitted).await;
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_where_deepgrams_clients_send_it() {
        let dialect = Deepgram::new(DeepgramSettings::default());
        let key = |name: &'static str, value: &'static str| {
            let headers = HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::from_static(value))]);
            (dialect.key(&headers).map(str::to_owned), dialect.subprotocol(&headers))
        };
        let found = |key: &str, scheme| (Some(key.to_owned()), scheme);
        assert_eq!(key("authorization", "Token k1"), found("k1", None));
        assert_eq!(key("authorization", "Basic k1"), (None, None));
        assert_eq!(key("sec-websocket-protocol", "token, k1"), found("k1", Some("token")));
        assert_eq!(key("sec-websocket-protocol", "bearer,k1"), found("k1", Some("bearer")));
        assert_eq!(key("sec-websocket-protocol", "chat, k1"), (None, None));
    }

    #[test]
    fn a_refusal_has_deepgrams_form() {
        let dialect = Deepgram::new(DeepgramSettings::default());
        let mut response = Response::new(Body::empty());
        dialect.answer(Some(&Failure::new(FailureCode::UnknownPreset, "no `növa`")), &mut response);
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert_eq!(response.headers()["dg-error"], "no `n?va`");
        assert_eq!(response.headers()["dg-request-id"].len(), 36);
    }
}
