//! What arrives for a peer.

use axum::body::Bytes;
use std::net::SocketAddr;
use str0m::{Candidate, net::Protocol};
use tokio::sync::mpsc;

/// Packets that may wait for a peer's task. More are dropped, as by a network.
pub(super) const CAPACITY: usize = 256;

/// The sender of a peer's inbox.
pub(super) type Inbox = mpsc::Sender<Inbound>;

/// What arrives for a peer.
#[derive(Debug)]
pub(super) enum Inbound {
    /// A packet of the network.
    Packet(Packet),
    /// An address of the peer.
    Candidate(Candidate),
    /// The client discards what has no text yet.
    Reset,
    /// The client ends the connection.
    End,
}

/// A packet of the network.
#[derive(Debug)]
pub(super) struct Packet {
    pub(super) protocol: Protocol,
    pub(super) source: SocketAddr,
    pub(super) bytes: Bytes,
    /// Where answers go, if it came over TCP.
    pub(super) answers: Option<mpsc::Sender<Bytes>>,
}
