//! Where a peer's packets go: the UDP socket, or the peer's TCP connections.

use super::udp;
use axum::body::Bytes;
use std::{collections::HashMap, net::SocketAddr, sync::Arc};
use str0m::{
    Candidate,
    net::{Protocol, Transmit},
};
use tokio::{net::UdpSocket, sync::mpsc};

/// TCP connections that a peer may have at the same time.
const MAX_TCP: usize = 4;

/// A peer's way to the network.
#[derive(Debug)]
pub(super) struct Link {
    socket: Arc<UdpSocket>,
    /// This server's addresses, as peers are told.
    candidates: Arc<[Candidate]>,
    tcp: HashMap<SocketAddr, mpsc::Sender<Bytes>>,
}

impl Link {
    pub(super) fn new(socket: Arc<UdpSocket>, candidates: Arc<[Candidate]>) -> Self {
        Self { socket, candidates, tcp: HashMap::new() }
    }

    /// The address of this server that a peer at `source` uses. `None` if it cannot have been told one of its kind.
    pub(super) fn local(&self, protocol: Protocol, source: SocketAddr) -> Option<SocketAddr> {
        let fits =
            |candidate: &&Candidate| candidate.proto() == protocol && candidate.addr().is_ipv6() == source.is_ipv6();
        self.candidates.iter().find(fits).map(Candidate::addr)
    }

    /// Notes a TCP connection of the peer.
    pub(super) fn connected(&mut self, source: SocketAddr, answers: mpsc::Sender<Bytes>) {
        if !self.tcp.contains_key(&source) {
            self.tcp.retain(|_, answers| !answers.is_closed());
            if self.tcp.len() < MAX_TCP {
                self.tcp.insert(source, answers);
            }
        }
    }

    /// Sends a packet.
    pub(super) fn send(&self, packet: &Transmit) {
        if packet.proto == Protocol::Udp {
            udp::send(&self.socket, packet.destination, &packet.contents);
        } else if let Some(answers) = self.tcp.get(&packet.destination) {
            // If too many wait, it is lost, as in a network.
            let _ = answers.try_send(Bytes::copy_from_slice(&packet.contents));
        }
    }
}
