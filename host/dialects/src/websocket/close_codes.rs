//! The registered WebSocket close codes, which all clients know, for dialects without codes of their own.

use auricle_core::FailureCode;

/// The close code for a failure.
pub fn registered_close_code(code: FailureCode) -> u16 {
    use FailureCode as C;
    match code {
        C::ShuttingDown => 1001,
        C::BadMessage | C::BadAudio | C::InvalidOption | C::ForbiddenField | C::UnknownPreset => 1008,
        C::Unauthorized | C::ForbiddenPreset | C::Origin | C::Address | C::IdleTimeout | C::SlowReader => 1008,
        C::TooLarge => 1009,
        C::Capacity | C::KeyStreams | C::Streams | C::Connections | C::AddressConnections | C::Overloaded => 1013,
        _ => 1011,
    }
}
