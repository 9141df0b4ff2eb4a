//! Deepgram's codes for failures: of a refused handshake or request, and in the reason of the close frame.

use crate::websocket::registered_close_code;
use auricle_core::{Failure, FailureCode};
use serde_json::{Value, json};

/// The reason that clients look for when they were silent for too long.
const SILENT: &str =
    "Deepgram did not receive audio data or a text message within the timeout window. See https://dpgr.am/net0001";

/// The close code for a failure.
pub(super) fn close_code(code: FailureCode) -> u16 {
    match code {
        FailureCode::IdleTimeout => 1011,
        code => registered_close_code(code),
    }
}

/// The reason of the close frame for a failure.
pub(super) fn close_reason(failure: &Failure) -> String {
    match failure.code.for_clients() {
        FailureCode::IdleTimeout => SILENT.to_owned(),
        FailureCode::BadAudio => format!("DATA-0000: {failure}"),
        code if close_code(code) == 1011 => format!("NET-0000: {failure}"),
        code => format!("{code}: {failure}"),
    }
}

/// The HTTP status of a request for a recording.
pub(super) fn status(code: FailureCode) -> u16 {
    use FailureCode as C;
    match code {
        C::BadMessage | C::BadAudio | C::InvalidOption | C::ForbiddenField | C::UnknownPreset => 400,
        C::Unauthorized => 401,
        C::ForbiddenPreset | C::NotOperator | C::Origin | C::Address | C::EndedByOperator => 403,
        C::IdleTimeout | C::SlowRequest | C::SlowReader => 408,
        C::TooLarge => 413,
        C::KeyStreams | C::AddressConnections | C::LagExceeded => 429,
        C::Capacity | C::Streams | C::Connections | C::Overloaded | C::ShuttingDown | C::EngineUnavailable => 503,
        C::EngineTimeout => 504,
        _ => 500,
    }
}

/// The JSON of a refusal.
pub(super) fn error_body(failure: &Failure, request_id: &str) -> Value {
    json!({"err_code": error_code(failure), "err_msg": failure.to_string(), "request_id": request_id})
}

/// The `err_code` of a refusal.
fn error_code(failure: &Failure) -> &'static str {
    use FailureCode as C;
    match failure.code.for_clients() {
        C::BadAudio => "Bad Request",
        C::BadMessage | C::InvalidOption | C::ForbiddenField | C::UnknownPreset => "INVALID_QUERY_PARAMETER",
        C::TooLarge => "PAYLOAD_TOO_LARGE",
        C::IdleTimeout => "SLOW_UPLOAD",
        C::Unauthorized => "INVALID_AUTH",
        C::ForbiddenPreset | C::EndedByOperator => "INSUFFICIENT_PERMISSIONS",
        C::Capacity | C::Overloaded => "TOO_MANY_REQUESTS",
        C::ShuttingDown | C::EngineUnavailable => "SERVICE_UNAVAILABLE",
        _ => "INTERNAL_SERVER_ERROR",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_has_deepgrams_code_and_text() {
        let silent = Failure::new(FailureCode::IdleTimeout, "why");
        assert_eq!((close_code(silent.code), close_reason(&silent).as_str()), (1011, SILENT));
        assert!(SILENT.len() <= 123, "it fits in a close frame");
        let reason = |code| close_reason(&Failure::new(code, "why"));
        assert_eq!(reason(FailureCode::BadAudio), "DATA-0000: why");
        assert_eq!(reason(FailureCode::EngineCrashed), "NET-0000: why");
        assert_eq!(reason(FailureCode::KeyStreams), "capacity: why");
    }
}
