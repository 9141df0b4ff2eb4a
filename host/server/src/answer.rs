//! HTTP responses for failures.

use auricle_core::{Failure, FailureCode};
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

/// Time to wait before the next try, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// A response for a failure. Its extensions carry the code, which the listener counts.
#[derive(Debug)]
pub(super) struct Refused(pub(super) Failure);

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self(failure)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Failure { code, message } = self.0;
        let status = status(code);
        let mut response = (status, format!("{message}\n")).into_response();
        response.extensions_mut().insert(code);
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
}

/// The HTTP status of a failure code.
pub(super) fn status(code: FailureCode) -> StatusCode {
    use FailureCode as C;
    match code {
        C::BadMessage | C::BadAudio | C::InvalidOption => StatusCode::BAD_REQUEST,
        C::Unauthorized => StatusCode::UNAUTHORIZED,
        C::ForbiddenField | C::ForbiddenPreset | C::NotOperator | C::Origin | C::Address => StatusCode::FORBIDDEN,
        C::UnknownPreset => StatusCode::NOT_FOUND,
        C::IdleTimeout | C::SlowRequest | C::SlowReader => StatusCode::REQUEST_TIMEOUT,
        C::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        C::KeyStreams | C::AddressConnections | C::LagExceeded => StatusCode::TOO_MANY_REQUESTS,
        C::Capacity | C::Streams | C::Connections | C::Overloaded | C::ShuttingDown | C::EngineUnavailable => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        C::EngineTimeout => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
