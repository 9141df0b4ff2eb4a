//! The sockets of all peers, and how an offer becomes a peer.
//!
//! Invariant: an offer counts as a connection until its peer ends; as a stream only from when the peer is connected, so that offers
//! which never connect take no stream's place. Tasks: those of the sockets, until this is dropped; those of the peers are tracked.

use super::{
    connection::{Answer, PeerConnection},
    identity::Identity,
    inbox::{self, Inbound},
    link::Link,
    peer::{Parts, Peer},
    peers::{Handle, PeerId, Peers},
    tcp, udp,
};
use crate::{connections::Connections, settings::WebRtc};
use auricle_core::{Failure, FailureCode, times::wait};
use auricle_dialects::{
    Visitor,
    webrtc::{Offer, Transcript, WebRtcSettings},
};
use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use str0m::{Candidate, net::TcpType};
use tokio::{
    net::{TcpListener, UdpSocket},
    sync::{mpsc, watch},
    task::JoinSet,
};
use tokio_util::task::TaskTracker;

/// How many free ports are tried for one that is free for UDP and TCP.
const FREE_PORT_TRIES: u32 = 16;

/// The sockets and the peers of a server.
pub(crate) struct Transport {
    socket: Arc<UdpSocket>,
    candidates: Arc<[Candidate]>,
    identity: Identity,
    peers: Arc<Peers>,
    connections: Arc<Connections>,
    tracker: TaskTracker,
    settings: WebRtcSettings,
    connect_limit: Duration,
    write_limit: Duration,
    _tasks: JoinSet<()>,
}

/// What a transport shares with the rest of the server.
pub(crate) struct Surroundings {
    /// The limits of connections.
    pub(crate) connections: Arc<Connections>,
    /// The tasks for which a stopping server waits.
    pub(crate) tracker: TaskTracker,
    /// How long a peer may take none of its texts.
    pub(crate) write_limit: Duration,
    /// How long a TCP connection may send nothing at its start.
    pub(crate) start_limit: Duration,
}

/// Why an offer is refused.
#[derive(Debug)]
pub(super) enum Refusal {
    /// There is a connection with this id.
    Exists,
    /// Anything else.
    Failure(Failure),
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport").field("candidates", &self.candidates).finish_non_exhaustive()
    }
}

impl Transport {
    /// Binds the sockets and starts to read them. `None` if the settings have no address.
    ///
    /// # Errors
    /// The address is in use, or does not belong to this machine.
    pub(crate) async fn bind(
        transport: &WebRtc,
        settings: WebRtcSettings,
        surroundings: Surroundings,
    ) -> io::Result<Option<Arc<Self>>> {
        let Some(listen) = transport.listen else { return Ok(None) };
        let cannot = |what: &str, error: io::Error| {
            io::Error::new(error.kind(), format!("cannot listen for WebRTC on {listen} ({what}): {error}"))
        };
        let mut tries = if listen.port() == 0 { FREE_PORT_TRIES } else { 1 };
        let (socket, listener) = loop {
            tries -= 1;
            let socket = Arc::new(udp::bind(listen).await.map_err(|error| cannot("UDP", error))?);
            if !transport.tcp {
                break (socket, None);
            }
            match TcpListener::bind(socket.local_addr()?).await {
                Ok(listener) => break (socket, Some(listener)),
                Err(error) if tries == 0 => return Err(cannot("TCP", error)),
                // A port that is free for UDP may be in use for TCP.
                Err(_) => {}
            }
        };
        let bound = socket.local_addr()?;
        let told = transport.told(bound);
        let mut candidates = Vec::new();
        for address in &told {
            candidates.push(candidate(*address, false).map_err(io::Error::other)?);
        }
        let peers = Arc::<Peers>::default();
        let Surroundings { connections, tracker, write_limit, start_limit } = surroundings;
        let mut tasks = JoinSet::new();
        if let Some(listener) = listener {
            tasks.spawn(tcp::accept(listener, Arc::clone(&peers), Arc::clone(&connections), start_limit));
            for address in &told {
                candidates.push(candidate(*address, true).map_err(io::Error::other)?);
            }
        }
        tasks.spawn(udp::read(Arc::clone(&socket), Arc::clone(&peers)));
        Ok(Some(Arc::new(Self {
            socket,
            candidates: candidates.into(),
            identity: Identity::new()?,
            peers,
            connections,
            tracker,
            settings,
            connect_limit: wait(transport.connect_seconds),
            write_limit,
            _tasks: tasks,
        })))
    }

    /// The addresses for media, such as `udp://127.0.0.1:8771`.
    pub(crate) fn urls(&self) -> Vec<String> {
        let url = |candidate: &Candidate| format!("{}://{}", candidate.proto(), candidate.addr());
        self.candidates.iter().map(url).collect()
    }

    /// The peer of this id.
    pub(super) fn find(&self, id: &PeerId) -> Option<Handle> {
        self.peers.find(id)
    }

    /// Accepts an offer: the peer's task runs from now on, and ends if it is not connected in time.
    ///
    /// # Errors
    /// The client can have no connection, or not this one. Nothing is recorded yet.
    pub(super) fn accept(&self, id: PeerId, offer: &Offer, visitor: Visitor) -> Result<Answer, Refusal> {
        if self.peers.find(&id).is_some() {
            return Err(Refusal::Exists);
        }
        // The places are free again at once: the peer takes them when it is connected.
        let admitted = visitor.sessions.admit(visitor.caller.clone(), visitor.protocol)?;
        let request = offer.request(&self.settings, &admitted)?;
        drop(admitted);
        let full = || Failure::new(FailureCode::Connections, "the server has reached its limit of connections");
        let connection = self.connections.admit(visitor.caller.address, true).ok_or_else(full)?;
        if let Some(refusal) = connection.refusal() {
            return Err(refusal.clone().into());
        }
        let now = Instant::now();
        let (peer, answer) =
            PeerConnection::answer(&self.identity, &self.candidates, &offer.sdp, self.write_limit, now)?;
        let (sender, inbox) = mpsc::channel::<Inbound>(inbox::CAPACITY);
        let (transcript, transcripts) = watch::channel(Transcript::default());
        let handle = Handle { inbox: sender, transcripts, ufrag: answer.ufrag.clone() };
        let entry = self.peers.enter(id, handle).ok_or(Refusal::Exists)?;
        let link = Link::new(Arc::clone(&self.socket), Arc::clone(&self.candidates));
        let connect_by = now + self.connect_limit;
        let parts = Parts { peer, inbox, link, entry, visitor, request, transcript, connect_by, connection };
        self.tracker.spawn(Peer::new(parts).run());
        Ok(answer)
    }
}

/// An address of this server for peers.
pub(super) fn candidate(address: SocketAddr, is_tcp: bool) -> Result<Candidate, impl std::error::Error> {
    match is_tcp {
        true => Candidate::builder().tcp().host(address).tcptype(TcpType::Passive).build(),
        false => Candidate::builder().udp().host(address).build(),
    }
}
