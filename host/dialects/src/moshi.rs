//! The protocol of moshi-server's streaming recognition, in MessagePack. `docs/dialects.md` describes it for clients.

mod connection;
mod handshake;
pub mod messages;
mod options;
mod settings;

pub use handshake::Moshi;
pub use settings::MoshiSettings;
