//! WebRTC: connections whose media all arrive at one UDP port, and over TCP at one port. ICE-lite: peers reach this server, which
//! never looks for them.
//!
//! Invariants: a packet costs a stranger more than the server. It goes to a peer only if its source has proved before that it knows
//! the peer's ICE password, or if it is a STUN request with the peer's user name, and is dropped otherwise. A peer that is not
//! connected in time leaves nothing behind. Tasks: one reads the socket, one accepts TCP connections, one for each of these, and one
//! for each peer, which does all for it: encryption, jitter buffer, decoding, and its session.

mod connection;
mod identity;
mod inbox;
mod link;
mod media;
mod offline;
mod peer;
mod peers;
mod routes;
mod sdp;
mod tcp;
mod texts;
mod transport;
mod udp;
mod whip;

pub use offline::OfflinePeer;
pub(super) use routes::WebRtcRoutes;
pub(super) use transport::{Surroundings, Transport};
