//! A peer without sockets, session and task, for the fuzz target: what arrives goes the way that it goes in a server.

use super::{
    connection::{PeerConnection, Way},
    identity::Identity,
    inbox::{self, Inbound},
    peers::{Handle, PeerEntry, PeerId, Peers},
    transport::candidate,
    udp,
};
use auricle_core::{Failure, FailureCode};
use auricle_dialects::webrtc::Transcript;
use std::{
    fmt::Display,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use str0m::net::Protocol;
use tokio::sync::{mpsc, watch};

/// How long the peer may take none of its texts.
const WRITE_LIMIT: Duration = Duration::from_secs(30);

/// What is sent, and where it goes.
type Sent = Vec<(SocketAddr, Vec<u8>)>;

/// A peer of a server at one address. The caller has the clock.
pub struct OfflinePeer {
    own: SocketAddr,
    peers: Arc<Peers>,
    entry: PeerEntry,
    inbox: mpsc::Receiver<Inbound>,
    peer: PeerConnection,
    /// When the connection wants to be woken.
    due: Instant,
}

impl std::fmt::Debug for OfflinePeer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OfflinePeer").finish_non_exhaustive()
    }
}

impl OfflinePeer {
    /// Answers an offer, as the server at the address `own`. Also returns the answer.
    ///
    /// # Errors
    /// The offer is invalid, or has no audio that can be heard.
    pub fn answer(own: SocketAddr, offer: &str, now: Instant) -> Result<(Self, String), Failure> {
        let failed = |error: &dyn Display| Failure::new(FailureCode::EngineUnavailable, error);
        let identity = Identity::new().map_err(|error| failed(&error))?;
        let candidates = [candidate(own, false).map_err(|error| failed(&error))?];
        let (peer, answer) = PeerConnection::answer(&identity, &candidates, offer, WRITE_LIMIT, now)?;
        let peers = Arc::<Peers>::default();
        let (sender, inbox) = mpsc::channel(inbox::CAPACITY);
        let transcripts = watch::channel(Transcript::default()).1;
        let handle = Handle { inbox: sender, transcripts, ufrag: answer.ufrag };
        let id = PeerId { key: None, id: String::new() };
        let entry = peers.enter(id, handle).ok_or_else(|| failed(&"the table is not empty"))?;
        Ok((Self { own, peers, entry, inbox, peer, due: now }, answer.sdp))
    }

    /// A datagram arrives. Returns what is sent.
    pub fn arrive(&mut self, source: SocketAddr, bytes: &[u8], now: Instant) -> Sent {
        udp::pass(&self.peers, source, bytes);
        while let Ok(arrived) = self.inbox.try_recv() {
            if let Inbound::Packet(packet) = arrived {
                let way = Way { protocol: Protocol::Udp, source, destination: self.own };
                self.peer.packet(way, &packet.bytes, now);
            }
        }
        self.drain()
    }

    /// Time has passed. Returns what is sent.
    pub fn wake(&mut self, now: Instant) -> Sent {
        if now < self.due {
            return Sent::new();
        }
        // A connection that is broken sends nothing any more.
        let _ = self.peer.timeout(now);
        self.drain()
    }

    fn drain(&mut self) -> Sent {
        let mut sent = Sent::new();
        let due = self.peer.drain(|packet| {
            self.entry.proved(packet.proto, packet.destination);
            sent.push((packet.destination, packet.contents.to_vec()));
        });
        self.due = due.unwrap_or(self.due);
        sent
    }

    /// Whether the peer is connected and not gone.
    pub fn is_up(&self, now: Instant) -> bool {
        self.peer.is_connected && !self.peer.is_gone(now)
    }

    /// Takes the peer's messages.
    pub fn said(&mut self) -> Vec<String> {
        std::mem::take(&mut self.peer.said)
    }

    /// Takes the pieces of audio whose turn it is. Returns their number.
    pub fn heard(&mut self, now: Instant) -> usize {
        std::iter::from_fn(|| self.peer.media.next(now)).count()
    }
}
