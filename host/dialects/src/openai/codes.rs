//! HTTP statuses, and the words of OpenAI's errors, for failures. The official clients choose the class of their exception by the
//! status, and try again after 408, 429 and 5xx.

use auricle_core::FailureCode;

/// The HTTP status.
pub(crate) fn status(code: FailureCode) -> u16 {
    use FailureCode as C;
    match code {
        C::BadMessage | C::BadAudio | C::InvalidOption | C::ForbiddenField => 400,
        C::Unauthorized => 401,
        C::NotOperator | C::Origin | C::Address | C::EndedByOperator => 403,
        // OpenAI does not tell a model that a key may not use from one that does not exist.
        C::UnknownPreset | C::ForbiddenPreset => 404,
        C::IdleTimeout | C::SlowRequest | C::SlowReader => 408,
        C::TooLarge => 413,
        C::KeyStreams | C::AddressConnections | C::LagExceeded => 429,
        C::Capacity | C::Streams | C::Connections | C::Overloaded | C::ShuttingDown | C::EngineUnavailable => 503,
        C::EngineTimeout => 504,
        _ => 500,
    }
}

/// The `type` of the error.
pub(super) fn kind(code: FailureCode) -> &'static str {
    match status(code) {
        429 => "rate_limit_error",
        500.. => "server_error",
        _ => "invalid_request_error",
    }
}

/// The `code` of the error: OpenAI's if it has one, else the failure's.
pub(super) fn name(code: FailureCode) -> String {
    use FailureCode as C;
    match code {
        C::Unauthorized => "invalid_api_key".to_owned(),
        C::UnknownPreset | C::ForbiddenPreset => "model_not_found".to_owned(),
        C::KeyStreams | C::AddressConnections | C::LagExceeded => "rate_limit_exceeded".to_owned(),
        other => other.for_clients().name(),
    }
}
