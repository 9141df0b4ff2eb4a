//! Responses: JSON, and errors in the form that its clients read.

use crate::openai;
use auricle_core::{Failure, FailureCode};
use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

/// Time to wait before the next try, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// The HTTP status of a failure.
pub(super) fn status(code: FailureCode) -> u16 {
    match code {
        FailureCode::ForbiddenField | FailureCode::ForbiddenPreset => 403,
        other => openai::status(other),
    }
}

/// The response to a request that failed.
pub(super) fn error(failure: &Failure) -> Response {
    let status = StatusCode::from_u16(status(failure.code)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, Json(json!({"detail": failure.message}))).into_response();
    let headers = response.headers_mut();
    match status {
        StatusCode::UNAUTHORIZED => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            headers.insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        _ => {}
    }
    response
}
