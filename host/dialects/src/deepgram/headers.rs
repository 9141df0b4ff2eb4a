//! What the heads of requests and responses have in both of Deepgram's protocols: keys, ids, and refusals.

use super::codes::error_body;
use crate::websocket::offered_subprotocols;
use auricle_core::{Failure, FailureCode};
use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
};
use uuid::Uuid;

/// The subprotocols beside which a browser offers its key.
const SCHEMES: [&str; 2] = ["token", "bearer"];

/// The key of a connection: in `Authorization: Token KEY`, or a subprotocol.
pub(super) fn key(headers: &HeaderMap) -> Option<&str> {
    let offered = || {
        subprotocol(headers)?;
        offered_subprotocols(headers).find(|name| !SCHEMES.contains(name))
    };
    token(headers).or_else(offered)
}

/// The subprotocol of the answer. Never returns the one that is the key.
pub(super) fn subprotocol(headers: &HeaderMap) -> Option<&'static str> {
    offered_subprotocols(headers).find_map(|name| SCHEMES.into_iter().find(|scheme| *scheme == name))
}

/// The key in `Authorization: Token KEY`.
pub(super) fn token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("token").then(|| key.trim())
}

/// An id for a request.
pub(super) fn new_id() -> String {
    Uuid::new_v4().to_string()
}

/// A header that may quote a client.
pub(super) fn visible(text: &str) -> HeaderValue {
    let text: String = text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect();
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

/// Gives the response to a handshake Deepgram's form.
pub(super) fn answer(refused: Option<&Failure>, id: &str, response: &mut Response<Body>) {
    if let Some(failure) = refused {
        let body = error_body(failure, id);
        if matches!(failure.code, FailureCode::UnknownPreset | FailureCode::ForbiddenField) {
            *response.status_mut() = StatusCode::BAD_REQUEST;
        }
        *response.body_mut() = Body::from(body.to_string());
        let headers = response.headers_mut();
        headers.remove(header::CONTENT_LENGTH);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert("dg-error", visible(&failure.to_string()));
    }
    response.headers_mut().insert("dg-request-id", visible(id));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_where_deepgrams_clients_send_it() {
        let found = |name: &'static str, value: &'static str| {
            let headers = HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::from_static(value))]);
            (key(&headers).map(str::to_owned), subprotocol(&headers))
        };
        let expected = |key: &str, scheme| (Some(key.to_owned()), scheme);
        assert_eq!(found("authorization", "Token k1"), expected("k1", None));
        assert_eq!(found("authorization", "Basic k1"), (None, None));
        assert_eq!(found("sec-websocket-protocol", "token, k1"), expected("k1", Some("token")));
        assert_eq!(found("sec-websocket-protocol", "bearer,k1"), expected("k1", Some("bearer")));
        assert_eq!(found("sec-websocket-protocol", "chat, k1"), (None, None));
    }

    #[test]
    fn a_refusal_has_deepgrams_form() {
        let mut response = Response::new(Body::empty());
        answer(Some(&Failure::new(FailureCode::UnknownPreset, "no `növa`")), &new_id(), &mut response);
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert_eq!(response.headers()["dg-error"], "no `n?va`");
        assert_eq!(response.headers()["dg-request-id"].len(), 36);
    }
}
