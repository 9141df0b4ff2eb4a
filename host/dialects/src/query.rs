//! Reads the parameters that clients set in URLs, for dialects with many of them. No I/O.

use auricle_core::{Failure, FailureCode};
use std::{str::FromStr, time::Duration};

/// The refusal of a value that is invalid.
pub(crate) fn invalid(message: &str) -> Failure {
    Failure::new(FailureCode::BadMessage, message)
}

/// The refusal of what cannot be done.
pub(crate) fn unsupported(message: &str) -> Failure {
    Failure::new(FailureCode::InvalidOption, message)
}

/// Whether a value turns a feature off.
pub(crate) fn is_off(value: &str) -> bool {
    value.is_empty() || value.eq_ignore_ascii_case("false")
}

/// A boolean, which Python writes with a capital.
pub(crate) fn flag(name: &str, value: &str) -> Result<bool, Failure> {
    match value.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" | "" => Ok(false),
        _ => Err(invalid(&format!("`{name}` is `{value}`: it must be true or false"))),
    }
}

/// A whole number.
pub(crate) fn number<T: FromStr>(name: &str, value: &str) -> Result<T, Failure> {
    value.parse().map_err(|_| invalid(&format!("`{name}` is `{value}`: it must be a whole number")))
}

/// So many milliseconds.
pub(crate) fn millis(count: u32) -> Duration {
    Duration::from_millis(count.into())
}

/// A phrase, unless it is empty.
pub(crate) fn phrase(text: &str) -> Option<String> {
    Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// The name of a parameter that is `known` to have no effect, unless its value is the default beside it, or off.
pub(crate) fn ignored(known: &[(&'static str, &str)], name: &str, value: &str) -> Option<&'static str> {
    let (name, default) = known.iter().find(|(known, _)| *known == name)?;
    (value != *default && !is_off(value)).then_some(*name)
}
