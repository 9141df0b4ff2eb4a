//! Why a request is refused.

use auricle_core::{Failure, FailureCode};
use std::fmt::Display;

/// Why a request is refused, with the fields of OpenAI's errors.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{failure}")]
pub struct Problem {
    /// The failure, for the log and the metrics. Its message is for the client.
    pub failure: Failure,
    /// The parameter that caused it.
    pub param: Option<&'static str>,
    /// OpenAI's code, if it is more specific than the failure's.
    pub code: Option<&'static str>,
}

impl Problem {
    /// A request that is not of the right form.
    pub(crate) fn malformed(problem: impl Display) -> Self {
        Failure::new(FailureCode::BadMessage, problem).into()
    }

    /// A required parameter is missing.
    pub(crate) fn missing(param: &'static str) -> Self {
        let failure = Failure::new(FailureCode::BadMessage, format!("the parameter `{param}` is missing"));
        Self { failure, param: Some(param), code: Some("missing_required_parameter") }
    }

    /// The value of a parameter is not valid. `problem` continues the parameter's name.
    pub(crate) fn invalid(param: &'static str, problem: impl Display) -> Self {
        let failure = Failure::new(FailureCode::InvalidOption, format!("`{param}` {problem}"));
        Self { failure, param: Some(param), code: Some("invalid_value") }
    }

    /// A parameter changes what comes out, and this cannot be done. `problem` says why.
    pub(crate) fn unsupported(param: &'static str, problem: impl Display) -> Self {
        let failure = Failure::new(FailureCode::ForbiddenField, format!("`{param}` cannot be used: {problem}"));
        Self { failure, param: Some(param), code: Some("unsupported_parameter") }
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let param = match failure.code {
            FailureCode::UnknownPreset | FailureCode::ForbiddenPreset => Some("model"),
            FailureCode::BadAudio | FailureCode::TooLarge => Some("file"),
            _ => None,
        };
        Self { failure, param, code: None }
    }
}
