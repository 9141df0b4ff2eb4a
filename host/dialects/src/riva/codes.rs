//! The gRPC status of a failure.

use auricle_core::{Failure, FailureCode};
use tonic::{Code, Status};

/// The code. `Unavailable` is what gRPC clients try again.
pub(super) fn code(code: FailureCode) -> Code {
    use FailureCode as C;
    match code {
        C::BadMessage | C::BadAudio | C::InvalidOption | C::ForbiddenField => Code::InvalidArgument,
        C::UnknownPreset => Code::NotFound,
        C::Unauthorized => Code::Unauthenticated,
        C::ForbiddenPreset | C::NotOperator | C::Origin | C::Address => Code::PermissionDenied,
        C::EndedByOperator => Code::Aborted,
        C::IdleTimeout | C::SlowRequest | C::SlowReader | C::EngineTimeout => Code::DeadlineExceeded,
        C::TooLarge | C::KeyStreams | C::AddressConnections | C::LagExceeded => Code::ResourceExhausted,
        C::Capacity | C::Streams | C::Connections | C::Overloaded | C::ShuttingDown | C::EngineUnavailable => {
            Code::Unavailable
        }
        _ => Code::Internal,
    }
}

/// The number of the code, for the log.
pub(super) fn number(failure: FailureCode) -> u16 {
    code(failure) as u16
}

/// The status for a client.
pub(super) fn status(failure: &Failure) -> Status {
    Status::new(code(failure.code), failure.to_string())
}
