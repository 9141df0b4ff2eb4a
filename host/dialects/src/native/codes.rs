//! The failure codes of the native protocol, and the WebSocket close code for each.
//!
//! A test compares the tables in `docs/protocol.md` and `docs/asyncapi.yaml` with this one.

use auricle_core::FailureCode;

/// The published codes.
pub const PUBLISHED: &[FailureCode] = &[
    FailureCode::BadMessage,
    FailureCode::Unauthorized,
    FailureCode::BadAudio,
    FailureCode::ForbiddenField,
    FailureCode::UnknownPreset,
    FailureCode::InvalidOption,
    FailureCode::ForbiddenPreset,
    FailureCode::IdleTimeout,
    FailureCode::LagExceeded,
    FailureCode::SlowReader,
    FailureCode::UnknownStream,
    FailureCode::EndedByOperator,
    FailureCode::Capacity,
    FailureCode::Overloaded,
    FailureCode::EngineError,
    FailureCode::EngineUnavailable,
    FailureCode::EngineTimeout,
    FailureCode::EngineCrashed,
    FailureCode::JournalFailed,
    FailureCode::TooLarge,
    FailureCode::ShuttingDown,
];

/// The close code for a failure.
pub fn close_code(code: FailureCode) -> u16 {
    use FailureCode as C;
    match code.for_clients() {
        C::BadMessage => 4400,
        C::Unauthorized => 4401,
        C::BadAudio => 4402,
        C::ForbiddenField => 4403,
        C::UnknownPreset => 4404,
        C::InvalidOption => 4405,
        C::ForbiddenPreset => 4406,
        C::IdleTimeout => 4408,
        C::UnknownStream => 4409,
        C::EndedByOperator => 4410,
        C::LagExceeded => 4413,
        C::SlowReader => 4414,
        C::Capacity => 4429,
        C::Overloaded => 4430,
        C::EngineUnavailable => 4503,
        C::EngineTimeout => 4504,
        C::EngineCrashed => 4505,
        C::JournalFailed => 4507,
        C::TooLarge => 1009,
        C::ShuttingDown => 1001,
        _ => 4500,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_published_one_and_no_two_share_a_number() {
        for code in FailureCode::ALL {
            assert!(PUBLISHED.contains(&code.for_clients()), "{code}");
        }
        let mut numbers: Vec<_> = PUBLISHED.iter().map(|code| close_code(*code)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), PUBLISHED.len());
    }
}
