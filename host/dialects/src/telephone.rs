//! The protocol of telephone calls, as Twilio's media streams and the original server have it: audio in base64 in JSON.
//! `docs/dialects.md` describes it for clients.

mod connection;
mod handshake;
mod incoming;
pub mod messages;
mod settings;

pub use handshake::Telephone;
pub use settings::TelephoneSettings;
