//! The table of peers: by their ids for requests, by ICE user names and proven addresses for packets.
//!
//! Invariant: a peer's entries are removed when its [`PeerEntry`] is dropped. An address leads to the peer that proved it last. Threads:
//! any; the locks are held for a lookup or a change.

use super::inbox::Inbox;
use auricle_dialects::webrtc::Transcripts;
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};
use str0m::net::Protocol;

/// The id of a connection. It belongs to the key that made it: other keys cannot use it, and may have the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct PeerId {
    /// The name of the client's key, if keys are required.
    pub(super) key: Option<String>,
    /// The client's id of the connection.
    pub(super) id: String,
}

/// What requests can do with a peer.
#[derive(Debug, Clone)]
pub(super) struct Handle {
    pub(super) inbox: Inbox,
    pub(super) transcripts: Transcripts,
    /// The peer's ICE user name at this server.
    pub(super) ufrag: String,
}

/// All peers.
#[derive(Debug, Default)]
pub(super) struct Peers {
    by_id: Mutex<HashMap<PeerId, Handle>>,
    routes: RwLock<Routes>,
}

#[derive(Debug, Default)]
struct Routes {
    by_ufrag: HashMap<String, Inbox>,
    by_address: HashMap<(Protocol, SocketAddr), Inbox>,
}

/// A peer's entries in the table.
#[derive(Debug)]
pub(super) struct PeerEntry {
    peers: Arc<Peers>,
    id: PeerId,
    handle: Handle,
    /// Addresses that the peer has proved, and perhaps lost to another one.
    addresses: Vec<(Protocol, SocketAddr)>,
}

impl Peers {
    /// Enters a peer; `None` if there is one of this id.
    pub(super) fn enter(self: &Arc<Self>, id: PeerId, handle: Handle) -> Option<PeerEntry> {
        let mut by_id = self.by_id.lock().unwrap_or_else(PoisonError::into_inner);
        if by_id.contains_key(&id) {
            return None;
        }
        by_id.insert(id.clone(), handle.clone());
        drop(by_id);
        self.write().by_ufrag.insert(handle.ufrag.clone(), handle.inbox.clone());
        Some(PeerEntry { peers: Arc::clone(self), id, handle, addresses: Vec::new() })
    }

    /// The peer of this id.
    pub(super) fn find(&self, id: &PeerId) -> Option<Handle> {
        self.by_id.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// The peer with this ICE user name.
    pub(super) fn by_ufrag(&self, ufrag: &str) -> Option<Inbox> {
        self.read().by_ufrag.get(ufrag).cloned()
    }

    /// Does something with the inbox of the peer that has proved this address. `None` if there is none.
    pub(super) fn at<T>(&self, protocol: Protocol, address: SocketAddr, use_it: impl FnOnce(&Inbox) -> T) -> Option<T> {
        self.read().by_address.get(&(protocol, address)).map(use_it)
    }

    fn read(&self) -> RwLockReadGuard<'_, Routes> {
        self.routes.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Routes> {
        self.routes.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PeerEntry {
    /// Notes that the peer has proved an address: what comes from there is for it.
    pub(super) fn proved(&mut self, protocol: Protocol, address: SocketAddr) {
        let route = (protocol, address);
        // Only if it is new, because this is called for each packet that is sent.
        if self.addresses.last() != Some(&route) {
            self.addresses.retain(|known| *known != route);
            self.addresses.push(route);
            self.peers.write().by_address.insert(route, self.handle.inbox.clone());
        }
    }
}

impl Drop for PeerEntry {
    fn drop(&mut self) {
        self.peers.by_id.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
        let mut routes = self.peers.write();
        routes.by_ufrag.remove(&self.handle.ufrag);
        for route in &self.addresses {
            if routes.by_address.get(route).is_some_and(|inbox| inbox.same_channel(&self.handle.inbox)) {
                routes.by_address.remove(route);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use auricle_dialects::webrtc::Transcript;
    use tokio::sync::{mpsc, watch};

    fn enter(peers: &Arc<Peers>, key: Option<&str>, id: &str, ufrag: &str) -> Option<PeerEntry> {
        let inbox = mpsc::channel(1).0;
        let transcripts = watch::channel(Transcript::default()).1;
        let id = PeerId { key: key.map(str::to_owned), id: id.to_owned() };
        peers.enter(id, Handle { inbox, transcripts, ufrag: ufrag.to_owned() })
    }

    #[test]
    fn an_id_belongs_to_its_key_until_the_peer_is_gone() {
        let peers = Arc::<Peers>::default();
        let first = enter(&peers, Some("a"), "1", "x").unwrap();
        assert!(enter(&peers, Some("a"), "1", "y").is_none() && peers.by_ufrag("y").is_none());
        let other = enter(&peers, Some("b"), "1", "z").unwrap();
        drop(first);
        assert!(peers.by_ufrag("x").is_none() && peers.by_ufrag("z").is_some());
        assert!(enter(&peers, Some("a"), "1", "x").is_some());
        drop(other);
        assert!(peers.by_id.lock().unwrap().is_empty() && peers.read().by_ufrag.is_empty());
    }

    #[test]
    fn an_address_leads_to_the_peer_that_proved_it_last() {
        let peers = Arc::<Peers>::default();
        let (mut first, mut second) = (enter(&peers, None, "1", "x").unwrap(), enter(&peers, None, "2", "y").unwrap());
        let address = "10.0.0.1:5".parse().unwrap();
        let leads_to = |entry: &PeerEntry| {
            peers.at(Protocol::Udp, address, |inbox| inbox.same_channel(&entry.handle.inbox)).unwrap_or(false)
        };
        first.proved(Protocol::Udp, address);
        assert!(leads_to(&first) && peers.at(Protocol::Tcp, address, |_| ()).is_none());
        second.proved(Protocol::Udp, address);
        assert!(leads_to(&second));
        drop(first);
        assert!(leads_to(&second));
        drop(second);
        assert!(peers.read().by_address.is_empty());
    }
}
