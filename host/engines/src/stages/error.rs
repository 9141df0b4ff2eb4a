//! Says of an error which stage it is of. Threads: any.

use auricle_plugin_api::{Error, ErrorCode};

/// The error of a stage that is loaded or opened.
pub(crate) fn of_stage(name: &str, error: Error) -> Error {
    Error::new(error.code, format!("stage `{name}`: {}", error.message))
}

/// The error of a call for a stream. What comes before the first colon may be told to the client.
pub(super) fn of_call(name: &str, call: &str, error: Error) -> Error {
    let Error { code, message } = error;
    Error::new(ErrorCode::STAGE, format!("the stage `{name}` failed in {call}: {}: {message}", code.name()))
}
