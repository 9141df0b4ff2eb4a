//! The AssemblyAI dialect's interface to the server. Its parameters are in the URL, so they are checked before the handshake is
//! answered.

use super::{
    connection::{Connection, close_code},
    request::{NAME, Request},
    settings::AssemblyAiSettings,
};
use crate::{
    Dialect,
    websocket::{ConnectionSettings, WebSocket, dialogue},
};
use auricle_core::{Failure, FailureCode};
use auricle_session::{Admitted, Codes, Protocol};
use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
};
use futures_util::future::BoxFuture;
use serde_json::json;
use std::sync::Arc;

/// The protocol of AssemblyAI for live audio.
#[derive(Debug)]
pub struct AssemblyAi {
    settings: AssemblyAiSettings,
    /// That of the connection; `None` before its URL is read.
    request: Option<Request>,
}

impl AssemblyAi {
    /// Creates the dialect with the operator's settings.
    pub fn new(settings: AssemblyAiSettings) -> Self {
        Self { settings, request: None }
    }
}

impl Dialect for AssemblyAi {
    fn name(&self) -> &'static str {
        NAME
    }

    fn paths(&self) -> &'static [&'static str] {
        &["/v3/ws"]
    }

    fn close_code(&self) -> fn(FailureCode) -> u16 {
        close_code
    }

    /// In `Authorization: KEY`, without a scheme.
    fn key<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        headers.get(header::AUTHORIZATION)?.to_str().ok().filter(|key| !key.contains(' '))
    }

    fn key_parameter(&self) -> Option<&'static str> {
        Some("token")
    }

    fn with_query(&self, query: &str, admitted: &Admitted) -> Option<Result<Arc<dyn Dialect>, Failure>> {
        let request = Request::read(query, &self.settings, admitted);
        Some(request.map(|request| {
            Arc::new(Self { settings: self.settings.clone(), request: Some(request) }) as Arc<dyn Dialect>
        }))
    }

    fn answer(&self, refused: Option<&Failure>, response: &mut Response<Body>) {
        if let Some(failure) = refused {
            if matches!(failure.code, FailureCode::UnknownPreset | FailureCode::ForbiddenField) {
                *response.status_mut() = StatusCode::BAD_REQUEST;
            }
            *response.body_mut() = Body::from(json!({"error": failure.to_string()}).to_string());
            let headers = response.headers_mut();
            headers.remove(header::CONTENT_LENGTH);
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
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
    fn a_key_has_no_scheme() {
        let dialect = AssemblyAi::new(AssemblyAiSettings::default());
        let key = |value| {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static(value))]);
            dialect.key(&headers).map(str::to_owned)
        };
        assert_eq!((key("k1"), key("Basic k1")), (Some("k1".to_owned()), None));
    }

    #[test]
    fn a_refusal_is_json() {
        let dialect = AssemblyAi::new(AssemblyAiSettings::default());
        let mut response = Response::new(Body::empty());
        dialect.answer(Some(&Failure::new(FailureCode::UnknownPreset, "why")), &mut response);
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
    }
}
