//! Responses: JSON, text, and OpenAI's errors.

use super::{
    Problem, codes,
    messages::{ErrorBody, ErrorFields},
};
use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

/// Where the official clients look for the id to ask about. It is the stream's.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Time to wait before the next try, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// A JSON response.
pub(super) fn json(status: u16, body: &impl Serialize) -> Response {
    match serde_json::to_string(body) {
        Ok(text) => text_of(status, "application/json", text),
        Err(error) => text_of(500, "text/plain", error.to_string()),
    }
}

/// A response with a body of this type.
pub(super) fn text_of(status: u16, content_type: &'static str, body: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, content_type)], body).into_response()
}

/// The response to a refused request.
pub(crate) fn error(problem: &Problem) -> Response {
    let status = codes::status(problem.failure.code);
    let mut response = json(status, &error_body(problem));
    let headers = response.headers_mut();
    match status {
        401 => drop(headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
        429 | 503 => drop(headers.insert(header::RETRY_AFTER, RETRY_AFTER)),
        _ => {}
    }
    response
}

/// OpenAI's form of an error.
pub(crate) fn error_body(Problem { failure, param, code }: &Problem) -> ErrorBody {
    let code = code.map_or_else(|| codes::name(failure.code), str::to_owned);
    ErrorBody {
        error: ErrorFields { message: failure.message.clone(), kind: codes::kind(failure.code), param: *param, code },
    }
}

/// Adds the id of the stream.
pub(super) fn with_id(mut response: Response, id: &str) -> Response {
    if let Ok(id) = HeaderValue::from_str(id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}
