//! The registered WebSocket close codes, which all clients know, for dialects without codes of their own.

use super::close;
use auricle_core::{Failure, FailureCode};
use tokio_tungstenite::tungstenite::Message;

/// The close code for a failure.
pub fn registered_close_code(code: FailureCode) -> u16 {
    use FailureCode as C;
    match code {
        C::ShuttingDown => 1001,
        C::BadMessage | C::BadAudio | C::InvalidOption | C::ForbiddenField | C::UnknownPreset => 1008,
        C::Unauthorized | C::ForbiddenPreset | C::Origin | C::Address | C::IdleTimeout | C::SlowReader => 1008,
        // Clients that connect again by themselves do not after this code.
        C::EndedByOperator => 1008,
        C::TooLarge => 1009,
        C::Capacity | C::KeyStreams | C::Streams | C::Connections | C::AddressConnections | C::Overloaded => 1013,
        _ => 1011,
    }
}

/// Creates the close frame for a failure, with the code's name and the message as its reason. For protocols without a
/// message for it.
pub fn close_failed(failure: &Failure) -> Message {
    close(registered_close_code(failure.code), &format!("{}: {failure}", failure.code.for_clients()))
}
