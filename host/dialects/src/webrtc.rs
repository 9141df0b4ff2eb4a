//! WebRTC: what a peer's audio and messages mean for a session, and its results. The server has the connection itself.
//! `docs/webrtc.md` describes it for clients.

#[cfg(feature = "server")]
mod conversation;
#[cfg(feature = "server")]
mod messages;
#[cfg(feature = "server")]
mod settings;
#[cfg(feature = "server")]
mod transcript;

#[cfg(feature = "server")]
pub use conversation::{Conversation, Work};
#[cfg(feature = "server")]
pub use messages::{Candidate, Offer, OfferRequest, failed, status, success};
#[cfg(feature = "server")]
pub use settings::WebRtcSettings;
#[cfg(feature = "server")]
pub use transcript::{Transcript, Transcripts, transcript_response};

/// The dialect's name.
#[cfg(feature = "server")]
pub const NAME: &str = "webrtc";
