//! HTTP responses for failures.

use auricle_core::{Failure, FailureCode};
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

/// Time to wait before the next try, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// A refused request. Its response has it as an extension, so that the conversation records it.
#[derive(Debug, Clone)]
pub(super) struct Refused {
    pub(super) failure: Failure,
    /// The name of the client's key, if it is known.
    pub(super) key: Option<String>,
    /// The dialect, if the request was for one.
    pub(super) dialect: Option<&'static str>,
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self { failure, key: None, dialect: None }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = status(self.failure.code);
        let mut response = (status, format!("{}\n", self.failure)).into_response();
        response.extensions_mut().insert(self);
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
        C::ForbiddenField | C::ForbiddenPreset | C::NotOperator | C::Origin | C::Address | C::EndedByOperator => {
            StatusCode::FORBIDDEN
        }
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
